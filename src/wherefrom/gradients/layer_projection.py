"""Rows in few numbers, layer by layer: each side of a layer on few orthonormal directions, so that rows stay factored (LoGra, Choe et al. 2024)."""

from dataclasses import dataclass, replace
from zlib import crc32

import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.gradients.blocks import Block, Dense, Factored, Indexed, parts, total
from wherefrom.gradients.rows import BlockShape, Layout, Rows

Sides = tuple[Tensor | None, Tensor | None]  # (r, o) and (r, i) of a layer, orthonormal rows; None leaves a side as it is


@dataclass(frozen=True)
class LayerProjection:
    """L G Rᵀ of each layer's gradient G (o, i), L and R at most ``rank`` random orthonormal rows; a side no longer than that stays as it is.

    Drawn from ``seed`` and the parameters' names on the CPU, so it is the same for any batch size, device or process. A layer gets at most
    rank² numbers whatever its gradients' size; norms, biases and layers without a rule have a side of 1, so at most ``rank``.
    """

    rank: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UsageError(f"A projection to {self.rank} directions keeps nothing; give a rank of 1 or more, such as 32.")

    def of(self, layout: Layout, like: Tensor) -> "LayerProjector":
        """The map of the rows of a layout, on the device and in the type of ``like``."""
        sides = []
        for shape in layout.blocks:
            generator = torch.Generator().manual_seed(crc32(f"{self.seed} {' '.join(shape.names)}".encode()))
            sides.append((self._drawn(shape.rows, generator, like), self._drawn(sum(shape.columns), generator, like)))
        return LayerProjector(layout, tuple(sides))

    def _drawn(self, size: int, generator: torch.Generator, like: Tensor) -> Tensor | None:
        if size <= self.rank:
            return None
        return torch.linalg.qr(torch.randn(size, self.rank, generator=generator, dtype=torch.float64)).Q.T.to(like).contiguous()


@dataclass(frozen=True, eq=False)
class LayerProjector:
    """A projection of the rows of one layout; ``sides`` of each layer."""

    layout: Layout
    sides: tuple[Sides, ...]

    def __call__(self, rows: Rows) -> Rows:
        """The rows in few numbers, a block for each layer; factors and tables keep their form."""
        rows.check(self.layout)
        blocks = []
        for sides, block in zip(self.sides, rows.blocks, strict=True):
            blocks.append(total([_projected(part, *sides) for part in parts(block)]))
        return Rows(tuple(blocks), self._small())

    def diagonals(self, entries: Rows) -> list[Tensor]:
        """P diag(entries) Pᵀ of each layer, for one row of entries that are alike along every column, as a penalty's are."""
        found = []
        for (left, right), block in zip(self.sides, entries.blocks, strict=True):
            along = block.dense()[0, 0]
            columns = along.diag() if right is None else (right * along) @ right.T
            found.append(torch.kron(torch.eye(_size(left, block.shape[0])).to(columns), columns))
        return found

    def _small(self) -> Layout:
        shapes = []
        for (left, right), shape in zip(self.sides, self.layout.blocks, strict=True):
            shapes.append(BlockShape((" ".join(shape.names),), _size(left, shape.rows), (_size(right, sum(shape.columns)),)))
        return Layout({shape.names[0]: torch.Size([shape.rows, *shape.columns]) for shape in shapes}, tuple(shapes))


def _size(side: Tensor | None, size: int) -> int:
    return size if side is None else len(side)


def _projected(block: Block, left: Tensor | None, right: Tensor | None) -> Block:
    if left is None and right is None:
        return block
    if isinstance(block, Factored):
        return Factored(_onto(block.inputs, right), _onto(block.outputs, left))
    if isinstance(block, Indexed):
        values = _onto(block.values, right)
        return replace(block, values=values) if left is None else Factored(values, left.T[block.tokens])
    matrices = block.dense()
    return Dense(_onto(matrices if left is None else left @ matrices, right))


def _onto(vectors: Tensor, side: Tensor | None) -> Tensor:
    """(..., size) -> (..., r)."""
    return vectors if side is None else vectors @ side.T
