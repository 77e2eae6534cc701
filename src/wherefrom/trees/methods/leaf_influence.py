"""LeafInfluence (Sharchilev et al. 2018), all points at once: the exact derivative of boosting in every row's weight, structure held."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.problem import Problem
from wherefrom.trees.forest import one_hot
from wherefrom.trees.proof import Proof
from wherefrom.trees.reverse import Reverse

TOGETHER = 64  # queries of one pass back
BLOCK = 1 << 16  # training rows handed out at a time


@dataclass(frozen=True)
class LeafInfluence(Method):
    """-wᵢ ∂m_q/∂wᵢ: by how much the query's measurement worsens, at first order, as row i leaves the leaves, the start and all later rounds.

    Of boosting one pass back through the rounds for each batch of queries: O(rounds × (rows + leaves)) a query, for all rows. Published
    implementations pass forward for each row. Softmax has its cross terms. The structure of the trees is held: see the page on trees for how far
    that goes. Of a forest the same derivative, of means. ``unit="loss change"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Replay the leaves."""
        proof = Proof.of(problem)
        return _FittedForest(proof) if proof.replay is None else _FittedBoosted(proof)

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="a replay of the leaf values and one pass back through the rounds for all queries")


@dataclass(frozen=True, eq=False)
class Table(FittedMethod):
    """A method that knows all training rows' scores once it has seen the queries: (q, n)."""

    proof: Proof

    @property
    def unit(self) -> str:  # type: ignore[override]
        return self.proof.problem.objective.unit

    @property
    def size(self) -> int:  # type: ignore[override]
        return BLOCK

    def table(self, batch: Batch) -> np.ndarray:
        """Return the scores of some queries (q, n)."""
        raise NotImplementedError

    def prepare(self, queries: Iterable[Batch]) -> Score:
        rows = torch.from_numpy(np.concatenate([self._checked(part) for batch in queries for part in batch.parts(TOGETHER)]))
        return lambda batch: rows[:, self.columns(batch)]

    def own(self, batch: Batch) -> Tensor:
        return torch.cat([torch.from_numpy(self._checked(part))[torch.arange(len(part)), self.columns(part)] for part in batch.parts(TOGETHER)])

    def columns(self, batch: Batch) -> Tensor:
        """Return the places of some training examples among all."""
        return torch.from_numpy(self.proof.problem.places[batch.inputs["row"].numpy()])

    def _checked(self, batch: Batch) -> np.ndarray:
        problem = self.proof.problem
        if 8 * len(batch) * len(problem) > problem.budget:
            raise UsageError(f"Scores of {len(batch)} queries and {len(problem):,} rows are more than memory holds; ask fewer queries at a time.")
        return self.table(batch)


@dataclass(frozen=True, eq=False)
class _FittedBoosted(Table):
    def table(self, batch: Batch) -> np.ndarray:
        trees, found = self.proof.boosted
        cotangents = self.proof.problem.cotangents(batch)
        return -Reverse(trees, found, self.proof.rows).derivatives(self.proof.problem.leaves_of(batch.inputs), cotangents).T


@dataclass(frozen=True, eq=False)
class _FittedForest(Table):
    """∂f/∂log wᵢ = mean over trees of share_i (y_i - θ)/Σ shares in the query's leaf, where weights count; of draws, the same in the counts."""

    def table(self, batch: Batch) -> np.ndarray:
        problem, forest, rows = self.proof.problem, self.proof.forest, self.proof.rows
        shares = forest.shares(problem.train.rows, rows.weights)
        held = forest.per_tree(rows.leaves, problem.state["values"].numpy())
        asked, cotangents = problem.leaves_of(batch.inputs), problem.cotangents(batch)
        found = np.zeros((len(batch), len(problem)))
        for k, target in enumerate(one_hot(rows.y, forest.classes).T):
            found -= cotangents[:, [k]] * forest.kernel(rows.leaves, shares, asked, factor=target[:, None] - held[:, :, k])
        return found
