"""LeafRefit (Sharchilev et al. 2018): every leaf value computed again without a row, the structure held."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch, joined
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.problem import Problem
from wherefrom.trees.forest import Forest
from wherefrom.trees.proof import Proof
from wherefrom.trees.replay import replay

BLOCK = 64  # training rows between two looks at the clock


@dataclass(frozen=True)
class LeafRefit(Method):
    """The worsening of the query's measurement as row i is left out and all rounds are run again with the structure held.

    Not a derivative: exact for the removal of one row from fixed trees, at O(rounds × rows) for each row, so for a shortlist: ``ids=`` in
    :func:`wherefrom.attribute`. ``unit="loss change"``.
    """

    def fit(self, problem: Problem) -> FittedMethod:
        """Replay the leaves."""
        return _Fitted(Proof.of(problem))

    def work(self, problem: Problem) -> Work:
        """No gradient passes."""
        return Work(problem, score=0, fitting=f"{len(problem):,} replays of the leaf values, one for each training row")


def refitted(proof: Proof, gone: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leaf values and the start without one training row, by its place among the examples."""
    structure, rows = proof.problem.structure, proof.rows
    weights = rows.weights.copy()
    weights[gone] = 0
    if isinstance(structure, Forest):
        shares = structure.shares(proof.problem.train.rows, weights)
        shares[gone] = 0
        return structure.fitted_values(rows.leaves, shares, rows.y), structure.start
    found = replay(structure, rows.leaves, rows.y, weights, count=len(weights) - 1)
    return found.values, found.start


@dataclass(frozen=True, eq=False)
class _Fitted(FittedMethod):
    proof: Proof
    size: int = BLOCK

    @property
    def unit(self) -> str:  # type: ignore[override]
        return self.proof.problem.objective.unit

    def prepare(self, queries: Iterable[Batch]) -> Score:
        asked = joined(queries)
        before = self._measured(asked, *self._held())

        def score(batch: Batch) -> Tensor:
            places = self.proof.problem.places[batch.inputs["row"].numpy()]
            after = [self._measured(asked, *refitted(self.proof, place)) for place in places]
            return self.proof.problem.objective.sign * (torch.stack(after, 1) - before[:, None])

        return score

    def own(self, batch: Batch) -> Tensor:
        return torch.cat([self.prepare([one])(one)[0] for one in batch.parts(1)])

    def _held(self) -> tuple[np.ndarray, np.ndarray]:
        if self.proof.replay is None:
            return self.proof.problem.state["values"].numpy(), self.proof.problem.structure.start
        return self.proof.replay.values, self.proof.replay.start

    def _measured(self, asked: Batch, values: np.ndarray, start: np.ndarray) -> Tensor:
        problem = self.proof.problem
        parameters = {"values": torch.from_numpy(values), "start": torch.from_numpy(start)}
        return problem.measurements(problem.outputs(asked.inputs, parameters), asked)
