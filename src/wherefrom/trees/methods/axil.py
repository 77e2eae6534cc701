"""AXIL (Geertsema & Lu 2023): under squared error a prediction of boosting is a weighted sum of the training targets."""

from dataclasses import dataclass

import numpy as np

from wherefrom.data.batches import Batch
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.problem import Problem
from wherefrom.trees.methods.table_method import RankingTable
from wherefrom.trees.proof import Proof
from wherefrom.trees.reverse import Reverse


@dataclass(frozen=True)
class AXIL(Method):
    """k = ∂f_q/∂yᵢ, so that f_q = Σ kᵢ yᵢ (plus what a start that was set leaves of itself): exact with l2 and weights.

    Under squared error alone, where leaf values are linear in the targets. One pass back for each batch of queries; the authors' code builds an n × n
    matrix and takes l2 and weights for absent. ``unit="arbitrary"``: weights of targets.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Replay the leaves. Raises :class:`wherefrom.UsageError` for another loss than squared error, and for a forest."""
        proof = Proof.of(problem)
        trees, found = proof.boosted
        return _Fitted(proof, Reverse(trees, found, proof.rows, targets=True))

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="a replay of the leaf values and one pass back through the rounds for all queries")


@dataclass(frozen=True, eq=False)
class _Fitted(RankingTable):
    reverse: Reverse

    def table(self, batch: Batch) -> np.ndarray:
        return self.reverse.derivatives(self.proof.problem.leaves_of(batch.inputs), np.ones((len(batch), 1))).T
