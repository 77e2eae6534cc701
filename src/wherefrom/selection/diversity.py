"""Three measures R(S) of a set's diversity over an RBF kernel φ (Bhatt, Chien, Zafar & Weller 2021), each scaled to at most 1.

Every one needs a single number per example that each choice updates: how near the nearest chosen example is, or how similar all the
chosen together are. What R gains by one more example follows from these and, for facility location alone, from that example's row of φ.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.selection.kernel import Kernel


class Spread(ABC):
    """R over one kernel. ``state`` (n,) is what the examples ``chosen`` so far leave behind.

    ``first`` (n,) is what R gains by each example alone, where gains are dear and R is submodular, so that later ones are no larger. None elsewhere.
    """

    kernel: Kernel
    first: Tensor | None

    @abstractmethod
    def gains(self, state: Tensor, chosen: Sequence[int], places: Tensor) -> Tensor:
        """R(S + i) - R(S) for each place i (k,)."""

    @abstractmethod
    def joined(self, state: Tensor, row: Tensor) -> Tensor:
        """The state once an example is chosen, of which ``row`` is φ with all."""

    @abstractmethod
    def value(self, state: Tensor, chosen: Sequence[int]) -> float:
        """R(S)."""


class Diversity(ABC):
    """Settings of a measure of diversity; they hold no data."""

    @abstractmethod
    def over(self, kernel: Kernel, m: int, progress: bool) -> Spread:
        """Prepare it for sets of up to m of the kernel's examples."""


@dataclass(frozen=True)
class FacilityLocation(Diversity):
    """R(S) = (1/n) Σ_{u∈D} max_{v∈S} φ(u, v): how near the data are to the set. Between 0 and 1, monotone and submodular."""

    def over(self, kernel: Kernel, m: int, progress: bool) -> Spread:
        kernel = kernel.held(progress)
        return Nearness(kernel, kernel.means(progress))


@dataclass(frozen=True)
class SumRedundancy(Diversity):
    """R(S) = 1 - Σ_{u≠v∈S} φ(u, v) / (m² - m): how little the set repeats itself, whatever the data. Between 0 and 1, submodular, decreasing.

    The paper's κ - Σ_{u,v∈S} φ less its smallest value for m examples, over its range: κ and the φ(u, u) = 1 are the same for all of them.
    """

    def over(self, kernel: Kernel, m: int, progress: bool) -> Spread:
        return Redundancy(kernel, None, max(1, m * m - m))


@dataclass(frozen=True)
class MMD(Diversity):
    """R(S) = 1 - MMD²(S, D) / MMD²(∅, D): how well the set's mean in feature space matches the data's; 1 is perfect.

    MMD² = μ - (2/n|S|) Σ_{u∈D,v∈S} φ + (1/|S|²) Σ_{u,v∈S} φ with μ = (1/n²) Σ_{u,v∈D} φ; the paper's R over μ. Neither monotone nor submodular.
    """

    def over(self, kernel: Kernel, m: int, progress: bool) -> Spread:
        return Matching(kernel, None, kernel.means(progress))


@dataclass(frozen=True, eq=False)
class Nearness(Spread):
    """Facility location; the state is max_{v∈S} φ(u, v), 0 for none."""

    kernel: Kernel
    first: Tensor | None

    def gains(self, state: Tensor, chosen: Sequence[int], places: Tensor) -> Tensor:
        parts = places.split(len(self.kernel.blocks()[0]))
        return torch.cat([self.kernel.of_places(part).sub_(state).clamp_(min=0).mean(1) for part in parts])

    def joined(self, state: Tensor, row: Tensor) -> Tensor:
        return torch.maximum(state, row)

    def value(self, state: Tensor, chosen: Sequence[int]) -> float:
        return float(state.mean())


@dataclass(frozen=True, eq=False)
class Redundancy(Spread):
    """Sum redundancy; the state is Σ_{v∈S} φ(u, v)."""

    kernel: Kernel
    first: Tensor | None
    pairs: int

    def gains(self, state: Tensor, chosen: Sequence[int], places: Tensor) -> Tensor:
        return state[places] * (-2 / self.pairs)

    def joined(self, state: Tensor, row: Tensor) -> Tensor:
        return state + row

    def value(self, state: Tensor, chosen: Sequence[int]) -> float:
        return 1 - (float(state[list(chosen)].sum()) - len(chosen)) / self.pairs


@dataclass(frozen=True, eq=False)
class Matching(Spread):
    """MMD; the state is Σ_{v∈S} φ(u, v), ``means`` (1/n) Σ_{u∈D} φ(u, v)."""

    kernel: Kernel
    first: Tensor | None
    means: Tensor

    def gains(self, state: Tensor, chosen: Sequence[int], places: Tensor) -> Tensor:
        k, members = len(chosen) + 1, list(chosen)
        near = self.means[members].sum() + self.means[places]
        alike = state[members].sum() + 2 * state[places] + 1
        return (2 / k * near - alike / k**2) / self.means.mean() - self.value(state, chosen)

    def joined(self, state: Tensor, row: Tensor) -> Tensor:
        return state + row

    def value(self, state: Tensor, chosen: Sequence[int]) -> float:
        k, members = len(chosen), list(chosen)
        found = 2 / max(1, k) * self.means[members].sum() - state[members].sum() / max(1, k) ** 2
        return float(found / self.means.mean())
