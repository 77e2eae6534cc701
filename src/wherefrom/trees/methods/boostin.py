"""BoostIn (Brophy et al. 2023): a row's share in each leaf's value, times the query's gradient before the round, over the leaves that both share."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.problem import Problem
from wherefrom.trees.methods.table_method import RankingTable
from wherefrom.trees.proof import Proof
from wherefrom.trees.reverse import solve, stages


@dataclass(frozen=True)
class BoostIn(Method):
    """Σ over rounds of ∂m_q/∂F before the round · η wᵢ H⁻¹(gᵢ + hᵢθ), where query and row share the leaf: TracIn for boosting.

    What a row does to later rounds by way of other rows is left out. ``weighting=1`` divides each leaf's term by the number of its rows, ``2`` by
    its square (BoostInW1, W2). ``unit="arbitrary"``. The authors' code has the learning rate inside the brackets as well; here θ is the leaf's value
    before it.
    """

    weighting: int = 0

    def __post_init__(self) -> None:
        if self.weighting not in (0, 1, 2):
            raise UsageError(f"weighting={self.weighting} is unknown; choose 0, 1 (by the rows of a leaf) or 2 (by their square).")

    def fit(self, problem: Problem) -> FittedMethod:
        """Replay the leaves."""
        proof = Proof.of(problem)
        proof.boosted  # noqa: B018, refuses a forest
        return _Fitted(proof, self.weighting)

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting="a replay of the leaf values")


@dataclass(frozen=True, eq=False)
class _Fitted(RankingTable):
    weighting: int

    def table(self, batch: Batch) -> np.ndarray:
        trees, found = self.proof.boosted
        problem, rows, asked = self.proof.problem, self.proof.rows, np.arange(len(batch))
        leaves = problem.leaves_of(batch.inputs)
        scores, raw = np.zeros((len(problem), len(batch))), trees.predict(leaves, found.values, found.start)
        for here in stages(trees, found, rows):
            number = here[0].number
            slots = trees.slots(leaves, number)
            raw -= found.values[trees.bounds[number] : trees.bounds[number + 1]][slots]
            slope = problem.cotangents(batch, torch.from_numpy(raw[:, 0] if trees.outputs == 1 else raw))
            for stage in here:
                adjoint = np.zeros((len(stage.values), len(batch)))
                np.add.at(adjoint, (slots, asked[:, None]), slope * trees.rule.rates[number])
                solved = solve(stage.hessians, adjoint)
                if self.weighting:
                    count = np.bincount(stage.slots.ravel(), minlength=len(stage.values))
                    solved /= np.maximum(count, 1)[:, None] ** self.weighting
                pointers = np.arange(len(problem) + 1) * trees.outputs
                scores += csr_array((stage.own.ravel(), stage.slots.ravel(), pointers), shape=(len(problem), len(stage.values))) @ solved
        return scores.T
