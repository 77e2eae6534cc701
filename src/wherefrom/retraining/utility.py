"""What a set of training examples is worth: how well a model trained on it does on validation examples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.run import Train


@dataclass(frozen=True, eq=False)
class ValidationUtility:
    """ids -> minus the mean measurement (plus it, where higher is better) of ``validation`` after training on these ids alone, or the accuracy.

    The subset is a training set of its own (``problem.subset``: N = what is in it), trained with ``train`` from the problem's parameters and
    ``seed``; the same ids give the same value. The empty set is worth what outputs of 0 are: chance, so log C for cross-entropy and 1/C for
    accuracy. ``accuracy=True`` counts validation examples of which the largest output, or the sign of the only one, names the class; equal
    outputs share. Examples of one class alone then predict that class, untrained. Without accuracy such a set is trained like any other,
    which needs l2 or a trainer that stops. Raises :class:`UsageError` for accuracy of targets that are no classes.
    """

    problem: Problem
    validation: Queries
    train: Train
    accuracy: bool = False
    seed: int = 0

    def __call__(self, ids: np.ndarray) -> float:
        """The utility of these ids; the empty set too."""
        problem, asked, empty = self.problem, self.problem.examples(self.validation), len(ids) == 0
        if self.accuracy and not empty:
            known = classes_of(problem, problem.train.select(ids))
            if bool((known == known[0]).all()):
                return float((classes_of(problem, asked) == known[0]).double().mean())
        if not empty:
            run = self.train(problem.subset(ids), self.seed)
            parameters = run if isinstance(run, Mapping) else run.parameters
            problem = problem.to(next(iter(parameters.values())).dtype).at(parameters)
        found = []
        with torch.no_grad():
            for batch in problem.batches(asked):
                outputs = problem.outputs(batch.inputs)
                outputs = torch.zeros_like(outputs) if empty else outputs
                found.append(_right(outputs, batch) if self.accuracy else -problem.objective.sign * problem.measurements(outputs, batch))
        return float(torch.cat(found).double().mean())


def classes_of(problem: Problem, examples: Examples | None = None) -> Tensor:
    """The class of each training example (or other examples) as a whole number (n,); targets that are no classes are refused."""
    return torch.cat([_classes(batch) for batch in problem.batches(examples)])


def has_classes(problem: Problem) -> bool:
    """Return whether the training targets are classes."""
    try:
        classes_of(problem)
    except UsageError:
        return False
    return True


def _classes(batch: Batch) -> Tensor:
    targets = batch.targets
    if not isinstance(targets, Tensor) or targets.numel() != len(batch) or (targets.is_floating_point() and not _bits(targets)):
        raise UsageError("The targets are no classes; give each example one whole number (as floats: 0 and 1, or -1 and 1).")
    return targets.reshape(-1).long()


def _bits(targets: Tensor) -> bool:
    return bool(((targets == 0) | (targets.abs() == 1)).all())


def _right(outputs: Tensor, batch: Batch) -> Tensor:
    """1 where the outputs name the class, a share where several are largest, else 0 (B,)."""
    known, outputs = _classes(batch), outputs.reshape(len(batch), -1)
    if outputs.shape[1] == 1:
        outputs, known = torch.cat([-outputs, outputs], 1), (known > 0).long()
    largest = outputs == outputs.amax(1, keepdim=True)
    return largest.gather(1, known[:, None])[:, 0].double() / largest.sum(1)
