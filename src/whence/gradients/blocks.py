"""The part of a row that belongs to one layer, as factors or written out, whichever is at hand."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from torch import Tensor

Index = Tensor | slice


class Block(ABC):
    """The entries of k rows that belong to one layer: as a matrix, (k, o, i)."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def dense(self) -> Tensor:
        """The entries as (k, o, i)."""

    @abstractmethod
    def squared_norms(self) -> Tensor:
        """(k,) sums of squares."""

    @abstractmethod
    def scale(self, factors: Tensor) -> "Block":
        """Row j times factors[j]."""

    @abstractmethod
    def select(self, index: Index) -> "Block":
        """The rows of an index."""


@dataclass(frozen=True, eq=False)
class Dense(Block):
    """Entries written out."""

    values: Tensor  # (k, o, i)

    def __len__(self) -> int:
        return len(self.values)

    def dense(self) -> Tensor:
        return self.values

    def squared_norms(self) -> Tensor:
        return self.values.square().sum((1, 2))

    def scale(self, factors: Tensor) -> "Dense":
        return Dense(self.values * factors[:, None, None])

    def select(self, index: Index) -> "Dense":
        return Dense(self.values[index])


@dataclass(frozen=True, eq=False)
class Factored(Block):
    """Σₜ outer(dₜ, aₜ): what reaches a linear layer against what its output changes, over T positions."""

    inputs: Tensor  # a (k, T, i), with a column of ones where the layer's bias is among the parameters
    outputs: Tensor  # d (k, T, o)

    def __len__(self) -> int:
        return len(self.inputs)

    def dense(self) -> Tensor:
        return self.outputs.transpose(1, 2) @ self.inputs

    def squared_norms(self) -> Tensor:
        if self.inputs.shape[1] == 1:
            return self.inputs.square().sum((1, 2)) * self.outputs.square().sum((1, 2))
        _, t, i = self.inputs.shape
        if t * (i + self.outputs.shape[2]) > i * self.outputs.shape[2]:
            return self.dense().square().sum((1, 2))
        return ((self.inputs @ self.inputs.mT) * (self.outputs @ self.outputs.mT)).sum((1, 2))

    def scale(self, factors: Tensor) -> "Factored":
        return replace(self, outputs=self.outputs * factors[:, None, None])

    def select(self, index: Index) -> "Factored":
        return Factored(self.inputs[index], self.outputs[index])
