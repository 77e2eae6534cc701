"""The kernel of a forest, by which its prediction is a weighted mean of training targets, and RF-GAP (Rhodes et al. 2023)."""

from dataclasses import dataclass

import numpy as np

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.problem import Problem
from wherefrom.trees.methods.table_method import RankingTable
from wherefrom.trees.proof import Proof


@dataclass(frozen=True)
class ForestKernel(Method):
    """P = mean over trees of cᵢ [same leaf] / Σ c, c how often the tree drew the row: f = P y to the last digits. ``unit="arbitrary"``."""

    def fit(self, problem: Problem) -> FittedMethod:
        """Prove the leaves. Raises :class:`wherefrom.UsageError` for boosted trees."""
        proof = Proof.of(problem)
        proof.forest  # noqa: B018, refuses boosting
        return _Fitted(proof, False)

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="the means of the leaves")


@dataclass(frozen=True)
class RFGAP(Method):
    """The same kernel, for queries that are training examples (``problem.train.select(ids)``) over the trees alone that did not draw them.

    P y is then the out-of-bag prediction. The kernel is not symmetric, and 0 of a row with itself. ``unit="arbitrary"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Prove the leaves. Raises :class:`wherefrom.UsageError` for boosted trees and for trees without samples of their own."""
        proof = Proof.of(problem)
        drawn(proof)
        return _Fitted(proof, True)

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="the means of the leaves")


def drawn(proof: Proof) -> np.ndarray:
    """Return how often each tree drew each training row (n, trees). Raises :class:`UsageError` where all trees saw all rows."""
    forest = proof.forest
    if not forest.drawn:
        raise UsageError(
            f"{type(proof.problem.estimator).__name__} was trained with bootstrap=False, so no tree is without a row; use bootstrap=True."
        )
    return forest.counts[proof.problem.train.rows]


@dataclass(frozen=True, eq=False)
class _Fitted(RankingTable):
    out_of_bag: bool

    def table(self, batch: Batch) -> np.ndarray:
        problem, forest, rows = self.proof.problem, self.proof.forest, self.proof.rows
        allowed, own = None, batch.inputs["row"].numpy()
        if self.out_of_bag:
            allowed = np.where(own[:, None] >= 0, forest.counts[own] == 0, True)
            if not allowed.any(1).all():
                raise UsageError(f"Example {batch.ids[int(allowed.any(1).argmin())]!s} was drawn by every tree; fit more trees.")
        shares = forest.shares(problem.train.rows, rows.weights)
        return forest.kernel(rows.leaves, shares, problem.leaves_of(batch.inputs), allowed=allowed)
