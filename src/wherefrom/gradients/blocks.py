"""The part of a row that belongs to one layer, as factors or written out, whichever is at hand."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

Index = Tensor | slice
PIECE = 1 << 24  # entries of rows written out at a time


class Block(ABC):
    """The entries of k rows that belong to one layer: as a matrix, (k, o, i)."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(o, i)."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes held."""

    @property
    @abstractmethod
    def like(self) -> Tensor:
        """A tensor of its type, on its device."""

    @abstractmethod
    def dense(self) -> Tensor:
        """The entries as (k, o, i)."""

    def sum(self) -> Tensor:
        """The entries of the sum of all rows, (1, o, i)."""
        return self.dense().sum(0, keepdim=True)

    def write(self, pieces: Sequence[Tensor]) -> None:
        """Copy the entries, dealt to (k, o, w) by columns, into these."""
        for piece, part in zip(pieces, self.dense().split([piece.shape[2] for piece in pieces], 2), strict=True):
            piece.copy_(part)

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

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[1], self.values.shape[2]

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    @property
    def like(self) -> Tensor:
        return self.values

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

    @property
    def shape(self) -> tuple[int, int]:
        return self.outputs.shape[2], self.inputs.shape[2]

    @property
    def nbytes(self) -> int:
        return self.inputs.nbytes + self.outputs.nbytes

    @property
    def like(self) -> Tensor:
        return self.outputs

    def dense(self) -> Tensor:
        return self.outputs.mT @ self.inputs

    def sum(self) -> Tensor:
        return (self.outputs.flatten(0, 1).T @ self.inputs.flatten(0, 1))[None]

    def write(self, pieces: Sequence[Tensor]) -> None:
        for piece, inputs in zip(pieces, self.inputs.split([piece.shape[2] for piece in pieces], 2), strict=True):
            if inputs.shape[1] == 1:
                torch.mul(self.outputs.mT, inputs, out=piece)
            else:
                piece.copy_(self.outputs.mT @ inputs)

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


@dataclass(frozen=True, eq=False)
class Indexed(Block):
    """Σₜ outer(onehot(tokenₜ), vₜ): the rows of a table that an example looked up; the one-hot vectors are never made."""

    tokens: Tensor  # (k, T) whole numbers below ``rows``
    values: Tensor  # (k, T, i)
    rows: int

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.values.shape[2]

    @property
    def nbytes(self) -> int:
        return self.tokens.nbytes + self.values.nbytes

    @property
    def like(self) -> Tensor:
        return self.values

    def dense(self) -> Tensor:
        k, t, i = self.values.shape
        places = (self.tokens + self.rows * torch.arange(k, device=self.tokens.device)[:, None]).reshape(-1)
        return self.values.new_zeros(k * self.rows, i).index_add_(0, places, self.values.reshape(k * t, i)).view(k, self.rows, i)

    def sum(self) -> Tensor:
        return Indexed(self.tokens.reshape(1, -1), self.values.flatten(0, 1)[None], self.rows).dense()

    def squared_norms(self) -> Tensor:
        same = self.tokens[:, :, None] == self.tokens[:, None, :]
        return ((self.values @ self.values.mT) * same).sum((1, 2))

    def scale(self, factors: Tensor) -> "Indexed":
        return replace(self, values=self.values * factors[:, None, None])

    def select(self, index: Index) -> "Indexed":
        return replace(self, tokens=self.tokens[index], values=self.values[index])

    def restricted(self, kept: Tensor) -> Tensor:
        """(k, U, i): the entries in the U table rows of ``kept``, which are sorted."""
        places = torch.searchsorted(kept, self.tokens.contiguous()).clamp_max(len(kept) - 1)
        found = (kept[places] == self.tokens)[:, :, None]
        return Indexed(places, self.values * found, len(kept)).dense()


@dataclass(frozen=True, eq=False)
class Deferred(Block):
    """Entries not written yet, of k examples at once: their products with a few rows are cheaper taken without them."""

    size: int  # k
    sides: tuple[int, int]
    compute: Callable[[], Tensor]  # () -> (k, o, i)
    along: Callable[[Tensor], Tensor]  # (q, o, i) -> (q, k) inner products, at a price for each of the q
    price: int  # how many times that price writing costs

    def __len__(self) -> int:
        return self.size

    @property
    def shape(self) -> tuple[int, int]:
        return self.sides

    @property
    def nbytes(self) -> int:
        return 0

    @property
    def like(self) -> Tensor:
        return self.dense()

    @cached_property
    def written(self) -> Dense:
        """The entries, from now on."""
        return Dense(self.compute())

    def dense(self) -> Tensor:
        return self.written.values

    def squared_norms(self) -> Tensor:
        return self.written.squared_norms()

    def scale(self, factors: Tensor) -> Dense:
        return self.written.scale(factors)

    def select(self, index: Index) -> Dense:
        return self.written.select(index)


@dataclass(frozen=True, eq=False)
class SumBlock(Block):
    """The sum of blocks of one shape: a parameter that several modules share."""

    parts: tuple[Block, ...]

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts[0].shape

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    @property
    def like(self) -> Tensor:
        return self.parts[0].like

    def dense(self) -> Tensor:
        return torch.stack([part.dense() for part in self.parts]).sum(0)

    def sum(self) -> Tensor:
        return torch.stack([part.sum() for part in self.parts]).sum(0)

    def squared_norms(self) -> Tensor:
        return self.dense().square().sum((1, 2))

    def scale(self, factors: Tensor) -> "SumBlock":
        return SumBlock(tuple(part.scale(factors) for part in self.parts))

    def select(self, index: Index) -> "SumBlock":
        return SumBlock(tuple(part.select(index) for part in self.parts))


def parts(block: Block) -> tuple[Block, ...]:
    """Those of a sum, or the block itself."""
    return block.parts if isinstance(block, SumBlock) else (block,)


def pieces(block: Block, entries: int = PIECE) -> Iterator[tuple[slice, Tensor]]:
    """A few rows at a time: which, and their entries (b, o, i), at most so many or those of one row."""
    step = max(1, entries // (block.shape[0] * block.shape[1]))
    for first in range(0, len(block), step):
        some = slice(first, first + step)
        yield some, block.select(some).dense() if step < len(block) else block.dense()


def total(parts: Sequence[Block]) -> Block:
    """The sum of blocks of one shape; factors are put one after the other."""
    if len(parts) == 1:
        return parts[0]
    factored = [part for part in parts if isinstance(part, Factored)]
    if len(factored) == len(parts):
        return Factored(torch.cat([part.inputs for part in factored], 1), torch.cat([part.outputs for part in factored], 1))
    indexed = [part for part in parts if isinstance(part, Indexed)]
    if len(indexed) == len(parts):
        return Indexed(torch.cat([part.tokens for part in indexed], 1), torch.cat([part.values for part in indexed], 1), indexed[0].rows)
    if all(isinstance(part, Dense) for part in parts):
        return Dense(torch.stack([part.dense() for part in parts]).sum(0))
    return SumBlock(tuple(parts))
