"""Sums over checkpoints: each is a moment of training with query rows and training rows of its own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients import Rows
from wherefrom.gradients.rows import cat, summed
from wherefrom.methods.base import FittedMethod, Score


class Moment(ABC):
    """What one checkpoint adds to a score: the inner product of a query's row and a training example's."""

    @abstractmethod
    def queries(self, batches: Iterable[Batch], add: Callable[[Iterable[Rows]], Rows]) -> Rows:
        """Return the rows of all queries, put together by ``add``."""

    @abstractmethod
    def train(self, batch: Batch) -> Rows:
        """Return the rows of training examples."""

    @abstractmethod
    def own(self, batch: Batch) -> Tensor:
        """Return what the checkpoint adds to each example's self-influence (B,)."""


@dataclass(frozen=True, eq=False)
class FittedMoments(FittedMethod):
    """Queries are prepared once at each checkpoint; the training data are read once, each batch taken at every checkpoint."""

    unit: str
    size: int
    moments: tuple[Moment, ...]

    def prepare(self, queries: Iterable[Batch]) -> Score:
        return self._score(queries, cat)

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        return self._score(queries, summed)

    def own(self, batch: Batch) -> Tensor:
        return torch.stack([moment.own(batch) for moment in self.moments]).sum(0)

    def _score(self, queries: Iterable[Batch], add: Callable[[Iterable[Rows]], Rows]) -> Score:
        batches = list(queries)
        prepared = [(moment, moment.queries(batches, add)) for moment in self.moments]
        return lambda batch: torch.stack([rows.dot(moment.train(batch)) for moment, rows in prepared]).sum(0)
