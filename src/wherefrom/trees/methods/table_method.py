"""What methods of trees share: once they have seen the queries they know every training row's score."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.methods.base import FittedMethod, Score
from wherefrom.trees.proof import Proof

TOGETHER = 64  # queries asked at a time
BLOCK = 1 << 16  # training rows handed out at a time


@dataclass(frozen=True, eq=False)
class TableMethod(FittedMethod):
    """A method that knows all training rows' scores once it has seen the queries: (q, n)."""

    proof: Proof

    @property
    def unit(self) -> str:  # type: ignore[override]
        return self.proof.problem.objective.unit

    @property
    def size(self) -> int:  # type: ignore[override]
        return BLOCK

    @abstractmethod
    def table(self, batch: Batch) -> np.ndarray:
        """Return the scores of some queries (q, n)."""

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


class RankingTable(TableMethod):
    """One whose scores rank and are no changes of a measurement."""

    @property
    def unit(self) -> str:  # type: ignore[override]
        return "arbitrary"
