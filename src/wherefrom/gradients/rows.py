"""Rows in parameter space: one per example, layer by layer, with their inner products."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import prod

import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.gradients.blocks import Block, Dense, Factored, Index, Indexed, SumBlock
from wherefrom.gradients.contraction import paired_products, products
from wherefrom.parameters import unflatten


@dataclass(frozen=True)
class BlockShape:
    """Which parameters a block holds: an (o, i) matrix whose columns are dealt to ``names`` in turn."""

    names: tuple[str, ...]
    rows: int
    columns: tuple[int, ...]
    transposed: bool = False  # the model keeps each piece as (columns, rows)

    def pieces(self, matrix: Tensor) -> list[Tensor]:
        """(k, o, i) as (k, size) for each name, in the model's order of entries."""
        parts = matrix.split(list(self.columns), dim=2)
        return [(part.mT if self.transposed else part).reshape(len(matrix), -1) for part in parts]

    def matrices(self, pieces: Sequence[Tensor]) -> list[Tensor]:
        """The (k, o, w) of each piece, views where the pieces are slices of a contiguous table."""
        sides = [(width, self.rows) if self.transposed else (self.rows, width) for width in self.columns]
        parts = [piece.reshape(len(piece), *side) for piece, side in zip(pieces, sides, strict=True)]
        return [part.mT for part in parts] if self.transposed else parts

    def matrix(self, pieces: Sequence[Tensor]) -> Tensor:
        """The (k, o, i) whose pieces these are."""
        parts = self.matrices(pieces)
        return parts[0] if len(parts) == 1 else torch.cat(parts, 2)


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies in a flat vector (parameter order) and in which block."""

    shapes: Mapping[str, torch.Size]
    blocks: tuple[BlockShape, ...]

    @property
    def size(self) -> int:
        return sum(prod(shape) for shape in self.shapes.values())

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """A flat (k, d) as name -> (k, *shape), views of it."""
        return unflatten(flat, self.shapes)

    def rows(self, flat: Tensor) -> "Rows":
        """A flat (k, d) as rows with dense blocks."""
        parts = self.split(flat)
        blocks = []
        for block in self.blocks:
            blocks.append(Dense(block.matrix([parts[name] for name in block.names])))
        return Rows(tuple(blocks), self)


@dataclass(frozen=True, eq=False)
class Rows:
    """k rows in parameter space, one block per layer."""

    blocks: tuple[Block, ...]
    layout: Layout

    def __len__(self) -> int:
        return len(self.blocks[0])

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(block.nbytes for block in self.blocks)

    def dot(self, other: "Rows") -> Tensor:
        """All inner products (k, k'), each layer by its cheapest contraction."""
        self.check(other.layout)
        return torch.stack([products(mine, theirs) for mine, theirs in zip(self.blocks, other.blocks, strict=True)]).sum(0)

    def paired(self, other: "Rows") -> Tensor:
        """Inner products of row j with row j (k,)."""
        self.check(other.layout)
        return torch.stack([paired_products(mine, theirs) for mine, theirs in zip(self.blocks, other.blocks, strict=True)]).sum(0)

    def squared_norms(self) -> Tensor:
        """(k,) squared lengths."""
        return torch.stack([block.squared_norms() for block in self.blocks]).sum(0)

    def norms(self) -> Tensor:
        """(k,) lengths."""
        return self.squared_norms().sqrt()

    def scale(self, factors: Tensor) -> "Rows":
        """Row j times factors[j]."""
        return replace(self, blocks=tuple(block.scale(factors) for block in self.blocks))

    def select(self, index: Index) -> "Rows":
        """The rows of an index."""
        return replace(self, blocks=tuple(block.select(index) for block in self.blocks))

    def sum(self) -> "Rows":
        """The sum of the rows, as one row."""
        return replace(self, blocks=tuple(Dense(block.sum()) for block in self.blocks))

    def flat(self) -> Tensor:
        """(k, d) in parameter order."""
        table = self.blocks[0].like.new_empty(len(self), self.layout.size)
        places = self.layout.split(table)
        for shape, block in zip(self.layout.blocks, self.blocks, strict=True):
            block.write(shape.matrices([places[name] for name in shape.names]))
        return table

    def check(self, layout: Layout) -> None:
        """Refuse rows of another layout."""
        if self.layout.blocks != layout.blocks:
            raise UsageError("These rows belong to different parameters; compute both from the same problem.")


def summed(rows: Iterable[Rows]) -> Rows:
    """The sum of all rows, as one row; only two sums are held at a time."""
    return reduce(lambda found, other: cat([found, other]).sum(), (part.sum() for part in rows))


def cat(rows: Iterable[Rows]) -> Rows:
    """Rows one after the other; factors of different lengths, or larger than what they stand for, are written out."""
    rows = list(rows)
    blocks = [_joined(parts) for parts in zip(*(row.blocks for row in rows), strict=True)]
    return Rows(tuple(blocks), rows[0].layout)


def _joined(blocks: Sequence[Block]) -> Block:
    """Rows of one layer one after the other, as factors where all are and it is smaller, written out otherwise."""
    factored = [block for block in blocks if isinstance(block, Factored)]
    indexed = [block for block in blocks if isinstance(block, Indexed)]
    sums = [block for block in blocks if isinstance(block, SumBlock)]
    short = all(block.inputs.shape[1] * sum(block.shape) <= block.shape[0] * block.shape[1] for block in factored)
    if len(factored) == len(blocks) and short and len({block.inputs.shape[1] for block in factored}) == 1:
        return Factored(torch.cat([block.inputs for block in factored]), torch.cat([block.outputs for block in factored]))
    if len(indexed) == len(blocks) and len({block.tokens.shape[1] for block in indexed}) == 1:
        return Indexed(torch.cat([block.tokens for block in indexed]), torch.cat([block.values for block in indexed]), indexed[0].rows)
    if len(sums) == len(blocks) and len({len(block.parts) for block in sums}) == 1:
        joined = [_joined(parts) for parts in zip(*(block.parts for block in sums), strict=True)]
        if not any(isinstance(part, Dense) for part in joined):
            return SumBlock(tuple(joined))
    return Dense(torch.cat([block.dense() for block in blocks]))
