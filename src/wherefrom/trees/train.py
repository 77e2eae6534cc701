"""Training ensembles again: the estimator from the table, structure and all, or the leaf values alone."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.run import Run
from wherefrom.trees.forest import Forest
from wherefrom.trees.forms import Estimator
from wherefrom.trees.proof import tree_problem
from wherefrom.trees.read import reader_for
from wherefrom.trees.replay import replay
from wherefrom.trees.tree_problem import packed


@dataclass(frozen=True)
class Retrain:
    """Fits a clone of ``estimator`` (default: the problem's own) on a problem's rows, targets and weights, its seed the run's."""

    estimator: Estimator = None
    seeded: ClassVar[bool] = True

    def __call__(self, problem: Problem, seed: int = 0) -> Run:
        """Train; what is returned stands for the estimator in ``problem.at``."""
        from sklearn.base import clone

        trees = tree_problem(problem)
        own = trees.estimator if self.estimator is None else self.estimator
        if not hasattr(own, "fit"):
            raise UsageError(f"A {type(own).__name__} cannot be trained again; give its estimator: wf.trees.retrain(estimator).")
        reader = reader_for(own)
        model: Estimator = clone(own)
        names = model.get_params()
        model.set_params(**{name: seed for name in (reader.seed, "random_state") if name in names or name == reader.seed})
        classes, y = trees.origin.targets.classes, trees.targets
        weights = trees.weights.double().numpy()
        labels = y if classes is None else classes[y.astype(np.int64)]
        model.fit(trees.table(), labels, **({} if bool((weights == 1).all()) else {"sample_weight": weights}))
        if classes is not None and list(reader.classes(model)) != classes.tolist():  # type: ignore[arg-type]
            raise UsageError("A class has no row left, so the new model does not know it; leave fewer out, or draw other subsets.")
        return Run(packed(model, trees.row_weights))


@dataclass(frozen=True)
class Refit:
    """Computes leaf values and start anew from a problem's rows, targets and weights; the structure of the trees stays."""

    seeded: ClassVar[bool] = False  # read by wherefrom.trust: another seed is no other training

    def __call__(self, problem: Problem, seed: int = 0) -> Run:
        """Refit; ``seed`` changes nothing."""
        trees = tree_problem(problem)
        structure, rows, weights = trees.structure, trees.train.rows, trees.weights.double().numpy()
        leaves = structure.leaves[rows]
        if isinstance(structure, Forest):
            values, start = structure.fitted_values(leaves, structure.shares(rows, weights), trees.targets), structure.start
        else:
            found = replay(structure, leaves, structure.rule.seen(trees.targets), structure.rule.seen(weights))
            values, start = found.values, found.start
        return Run({"values": torch.from_numpy(values), "start": torch.from_numpy(np.asarray(start, np.float64))})


def retrain(estimator: Estimator = None) -> Retrain:
    """Return a trainer that fits a clone of an estimator, with the run's seed: truth for trees, by subsets and removal curves.

    Default: the estimator of the problem. The clone has the estimator's settings and none of its trees.
    """
    return Retrain(estimator)


def refit() -> Refit:
    """Return a trainer that keeps every tree's structure: what :class:`LeafRefit` does, for any set of rows."""
    return Refit()
