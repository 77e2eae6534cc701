"""Baselines that look at each training example alone: its loss, its margin, the length of its gradient; large for the odd and the mislabelled."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients import Gradients
from wherefrom.methods.base import FittedMethod, Method, Score
from wherefrom.methods.output_selection import class_logits, target_classes
from wherefrom.objective import IGNORED, next_token, shifted
from wherefrom.problem import Problem


@dataclass(frozen=True)
class LossScores(Method):
    """lossᵢ, the same for every query; ``unit="arbitrary"``."""

    def fit(self, problem: Problem) -> FittedMethod:
        """Nothing to prepare."""
        return _Alone(problem.batch_size or 512, lambda batch: problem.losses(problem.outputs(batch.inputs), batch))


@dataclass(frozen=True)
class MarginScores(Method):
    """max over other classes of Φ_c, less Φ of the target's class: the margin turned round, so that it is large where the model errs.

    A single output is the logit of class 1 against class 0; over the tokens of a sequence it is the sum. The same for every query;
    ``unit="arbitrary"``. Raises :class:`UsageError` where targets are no classes.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Nothing to prepare."""
        following = problem.objective.loss is next_token().loss

        def short_of(batch: Batch) -> Tensor:
            outputs = problem.outputs(batch.inputs)
            if following or (isinstance(batch.targets, Tensor) and batch.targets.dim() > 1 and outputs.shape[:-1] == batch.targets.shape):
                return _short_of_tokens(*(shifted(outputs, batch.targets) if following else (outputs, batch.targets)))
            classes, logits = target_classes(outputs, batch, "use LossScores() or GradientNorm()")[:, None], class_logits(outputs)
            return logits.scatter(1, classes, -torch.inf).amax(1) - logits.gather(1, classes)[:, 0]

        return _Alone(problem.batch_size or 512, short_of)


@dataclass(frozen=True)
class GradientNorm(Method):
    """‖∇lossᵢ‖ over the chosen parameters, the same for every query; ``unit="arbitrary"``."""

    def fit(self, problem: Problem) -> FittedMethod:
        """Find the layer rules of the model."""
        gradients = Gradients(problem)
        return _Alone(gradients.size, lambda batch: gradients.losses(batch).norms())


def _short_of_tokens(logits: Tensor, classes: Tensor) -> Tensor:
    """The sum over positions whose target is not left out."""
    own = classes.clamp_min(0)[..., None]
    short = logits.scatter(-1, own, -torch.inf).amax(-1) - logits.gather(-1, own)[..., 0]
    return (short * (classes != IGNORED)).sum(1)


@dataclass(frozen=True, eq=False)
class _Alone(FittedMethod):
    """One value for each training example, whoever asks."""

    size: int
    own_value: Callable[[Batch], Tensor]
    unit: str = "arbitrary"

    def prepare(self, queries: Iterable[Batch]) -> Score:
        count = sum(len(batch) for batch in queries)
        return lambda batch: self.own_value(batch).expand(count, -1)

    def own(self, batch: Batch) -> Tensor:
        return self.own_value(batch)
