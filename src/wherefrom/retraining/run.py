"""What training is, and what it leaves behind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from wherefrom.problem import Problem
from wherefrom.types import Id, Tree


@dataclass(frozen=True, eq=False)
class Run:
    """One training: its final parameters by name, and, where it kept them, checkpoints with their learning rates."""

    parameters: Mapping[str, Tensor]
    checkpoints: tuple[Mapping[str, Tensor], ...] = ()
    learning_rates: tuple[float, ...] = ()
    record: Any = None


Train = Callable[[Problem, int], Run | Mapping[str, Tensor]]


@runtime_checkable
class TrainMany(Protocol):
    """A trainer that can train many reduced problems at once, better than one after the other."""

    def __call__(self, problem: Problem, seed: int) -> Run:
        """Train the problem as it is."""
        ...

    def without(
        self, problem: Problem, groups: Sequence[Sequence[Id]], *, seed: int = 0, normalise: bool = False, progress: bool = True
    ) -> Iterable[Run]:  # fmt: skip
        """One run for each group of ids left out, in their order, as they are done."""
        ...


@runtime_checkable
class RelabelMany(Protocol):
    """A trainer that can train many problems at once that differ in the labels of some examples."""

    def relabelled(
        self, problem: Problem, groups: Sequence[Sequence[Id]], labels: Sequence[Tree], *, seed: int = 0, progress: bool = True
    ) -> Iterable[Run]:  # fmt: skip
        """One run for each group of ids under its labels (a row for each id), in their order, as they are done."""
        ...
