"""What a method is: settings that, fitted to a problem, score batches of training examples against prepared queries."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients import Projection, Rows
from wherefrom.gradients.rows import cat, summed
from wherefrom.problem import Problem

Score = Callable[[Batch], Tensor]
Features = Callable[[Batch], Rows]


class FittedMethod(ABC):
    """A method at one problem's parameters; ``size`` training examples are best scored at a time."""

    unit: str
    size: int

    @abstractmethod
    def prepare(self, queries: Iterable[Batch]) -> Score:
        """All that is needed of the queries, once; what it returns scores a batch of training examples: (q, B)."""

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        """The same for the sum over all queries: (1, B)."""
        score = self.prepare(queries)
        return lambda batch: score(batch).sum(0, keepdim=True)

    @abstractmethod
    def own(self, batch: Batch) -> Tensor:
        """The self-influence of each training example of a batch (B,)."""


@dataclass(frozen=True)
class Work:
    """What a method does with a problem, for :func:`wherefrom.plan`: ``score`` gradient passes over the training data.

    ``written``: query rows are written out, not kept as factors. ``fitting``: what comes before, in words; ``bytes`` that it holds.
    ``approximated``: what scoring does not take exactly, in words.
    """

    problem: Problem
    score: int = 1
    written: bool = False
    projection: Projection | None = None
    fitting: str = ""
    bytes: int = 0
    approximated: str = ""


class Method(ABC):
    """Settings of a method; they hold no data."""

    @abstractmethod
    def fit(self, problem: Problem) -> FittedMethod: ...

    def work(self, problem: Problem) -> Work:
        """What scoring takes; one gradient pass unless a method says otherwise."""
        return Work(problem)


@dataclass(frozen=True, eq=False)
class InnerProduct(FittedMethod):
    """Most methods: a score is the inner product of a query's feature row with a training example's.

    ``own_query`` is the query feature of a training example asked about its own loss.
    """

    unit: str
    size: int
    query: Features
    train: Features
    own_query: Features

    def prepare(self, queries: Iterable[Batch]) -> Score:
        rows = cat(self.query(batch) for batch in queries)
        return lambda batch: rows.dot(self.train(batch))

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        row = summed(self.query(batch) for batch in queries)
        return lambda batch: row.dot(self.train(batch))

    def own(self, batch: Batch) -> Tensor:
        return self.own_query(batch).paired(self.train(batch))
