"""LeafInfluence (Sharchilev et al. 2018), all points at once: the exact derivative of boosting in every row's weight, structure held."""

from dataclasses import dataclass

import numpy as np

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.problem import Problem
from wherefrom.trees.forest import one_hot
from wherefrom.trees.methods.table_method import TableMethod
from wherefrom.trees.proof import Proof
from wherefrom.trees.reverse import Reverse


@dataclass(frozen=True)
class LeafInfluence(Method):
    """-wᵢ ∂m_q/∂wᵢ: by how much the query's measurement worsens, at first order, as row i leaves the leaves, the start and all later rounds.

    Of boosting one pass back through the rounds for each batch of queries: O(rounds × (rows + leaves)) a query, for all rows. Published
    implementations pass forward for each row. Softmax has its cross terms. The structure of the trees is held: see the page on trees for how far
    that goes. Of a forest the same derivative, of means. ``unit="loss change"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Replay the leaves. Raises :class:`wherefrom.UsageError` for a forest of pure leaves alone, whose means no weight moves."""
        proof = Proof.of(problem)
        return _FittedForest.of(proof) if proof.replay is None else _FittedBoosted(proof)

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="a replay of the leaf values and one pass back through the rounds for all queries")


@dataclass(frozen=True, eq=False)
class _FittedBoosted(TableMethod):
    def table(self, batch: Batch) -> np.ndarray:
        trees, found = self.proof.boosted
        cotangents = self.proof.problem.cotangents(batch)
        return -Reverse(trees, found, self.proof.rows).derivatives(self.proof.problem.leaves_of(batch.inputs), cotangents).T


@dataclass(frozen=True, eq=False)
class _FittedForest(TableMethod):
    """∂f/∂log wᵢ = mean over trees of share_i (y_i - θ)/Σ shares in the query's leaf, where weights count; of draws, the same in the counts."""

    @classmethod
    def of(cls, proof: Proof) -> "_FittedForest":
        forest, rows = proof.forest, proof.rows
        held = forest.per_tree(rows.leaves, proof.problem.state["values"].numpy())
        shares = forest.shares(proof.problem.train.rows, rows.weights)
        apart = np.abs(one_hot(rows.y, forest.classes)[:, None] - held).max(2)
        if apart[shares > 0].max(initial=0) <= forest.tolerance:
            raise UsageError(
                "Every leaf of this forest holds one target alone, so no weight moves its mean; use ForestKernel(), RFGAP() or TreesWithout()."
            )
        return cls(proof)

    def table(self, batch: Batch) -> np.ndarray:
        problem, forest, rows = self.proof.problem, self.proof.forest, self.proof.rows
        shares = forest.shares(problem.train.rows, rows.weights)
        held = forest.per_tree(rows.leaves, problem.state["values"].numpy())
        asked, cotangents = problem.leaves_of(batch.inputs), problem.cotangents(batch)
        found = np.zeros((len(batch), len(problem)))
        for k, target in enumerate(one_hot(rows.y, forest.classes).T):
            found -= cotangents[:, [k]] * forest.kernel(rows.leaves, shares, asked, factor=target[:, None] - held[:, :, k])
        return found
