"""Rows in few numbers: one random linear map of all parameters at once that keeps inner products on average, cheap for every form of block.

Entry (r, c) of a layer goes to place h(r) + h'(c) modulo the dimension, times the sign s(r) s'(c), all drawn at random. Written-out entries are
added up where they fall (count sketch, Charikar et al. 2002). A product of factors never is written out: the sketch of outer(d, a) is the
circular convolution of the sketches of d and a, a product of their Fourier transforms (tensor sketch, Pham and Pagh 2013).
"""

from dataclasses import dataclass
from math import log2
from typing import TypeGuard
from zlib import crc32

import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.gradients.blocks import Block, Factored, Indexed, parts
from wherefrom.gradients.rows import BlockShape, Layout, Rows
from wherefrom.gradients.sparse_layers import LayerPart

FOURIER = 4  # additions that one step of a Fourier transform takes the time of


@dataclass(frozen=True)
class Projection:
    """θ's entries in ``dimension`` numbers: E⟨Pu, Pv⟩ = ⟨u, v⟩, with a standard error below 3 ‖u‖‖v‖ / √dimension, commonly a third of that.

    Drawn from ``seed`` and the parameters' names on the CPU, so it is the same for any batch size, device or process. All layers share the
    same places, which gives each layer what its size of gradient deserves. No more parameters than ``dimension`` are kept as they are.
    ``share`` below 1 looks at a random part of so many entries of each layer alone (:class:`wherefrom.gradients.sparse_layers.LayerPart`): several
    times faster where gradients have to be written out, and a little less exact.
    """

    dimension: int
    seed: int = 0
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(f"A projection of a share of {self.share:g} of the entries is none; give a share above 0, at most 1.")
        if self.dimension < 1:
            raise UsageError(f"A projection to {self.dimension} numbers keeps nothing; give a dimension of 1 or more, such as 1000.")

    def of(self, layout: Layout, device: torch.device | str = "cpu", draw: int = 0) -> "Projector":
        """The map of the rows of a layout; each ``draw`` is independent of the others."""
        hashes = []
        for shape in layout.blocks:
            name = f"{self.seed} {draw} {' '.join(shape.names)}"
            part = LayerPart.drawn(shape.rows, sum(shape.columns), self.share, name, device) if self.share < 1 else None
            hashes.append(_Hash.drawn(shape, self.dimension, name, device, part))
        return Projector(layout, self.dimension, tuple(hashes))


@dataclass(frozen=True, eq=False)
class Projector:
    """A projection of the rows of one layout."""

    layout: Layout
    dimension: int
    hashes: tuple["_Hash", ...]

    def __call__(self, rows: Rows) -> Rows:
        """The rows in few numbers, as one dense block."""
        if self.layout.size <= self.dimension:
            return rows
        rows.check(self.layout)
        table = None
        waves = None
        for hashed, block in zip(self.hashes, rows.blocks, strict=True):
            for part in parts(block):
                part = part if hashed.part is None else hashed.part(part)
                if hashed.turns(part):
                    found = hashed.waves(part)
                    waves = found if waves is None else waves.add_(found)
                else:
                    found = hashed.placed(part)
                    table = found if table is None else table.add_(found)
        if waves is not None:
            back = torch.fft.irfft(waves, n=self.dimension)
            table = back if table is None else table.add_(back)
        assert table is not None  # a layout has a block
        return one_block(self.dimension).rows(table.to(rows.blocks[0].like.dtype))

    def diagonal(self, entries: Rows) -> Tensor:
        """P diag(entries) Pᵀ for one row of entries (k, k): diagonal, since each of them goes to one place."""
        if self.layout.size <= self.dimension:
            return entries.flat()[0].diag()
        found = entries.blocks[0].like.new_zeros(self.dimension)
        for hashed, block in zip(self.hashes, entries.blocks, strict=True):
            places = (hashed.row_places[:, None] + hashed.column_places) % self.dimension
            kept = block if hashed.part is None else hashed.part(hashed.part.stretched(block))
            found.index_add_(0, places.flatten(), kept.dense().flatten())
        return found.diag()


@dataclass(frozen=True, eq=False)
class _Hash:
    """Where the rows and the columns of one layer go, and with which signs."""

    dimension: int
    row_places: Tensor  # (o,)
    row_signs: Tensor
    column_places: Tensor  # (i,)
    column_signs: Tensor
    part: LayerPart | None = None  # of the layer that is looked at

    @classmethod
    def drawn(cls, shape: BlockShape, dimension: int, name: str, device: torch.device | str, part: LayerPart | None) -> "_Hash":
        generator = torch.Generator().manual_seed(crc32(name.encode()))
        drawn = []
        for size in (shape.rows, sum(shape.columns)) if part is None else (len(part.rows), len(part.columns)):
            drawn.append(torch.randint(dimension, (size,), generator=generator).to(device))
            drawn.append((2 * torch.randint(2, (size,), generator=generator) - 1).to(device, torch.int8))
        return cls(dimension, *drawn, part=part)

    def turns(self, block: Block) -> TypeGuard[Factored]:
        """Whether Fourier transforms of the factors take less than writing the block out."""
        if not isinstance(block, Factored):
            return False
        (o, i), positions = block.shape, block.inputs.shape[1]
        return positions * self.dimension * log2(self.dimension + 1) * FOURIER < (positions + 2) * o * i

    def waves(self, block: Factored) -> Tensor:
        """(k, dimension // 2 + 1) transform of the sketch."""
        inputs = torch.fft.rfft(_added(block.inputs, self.column_places, self.column_signs, self.dimension))
        outputs = torch.fft.rfft(_added(block.outputs, self.row_places, self.row_signs, self.dimension))
        return inputs.mul_(outputs).sum(1)

    def placed(self, block: Block) -> Tensor:
        """(k, dimension) sketch of entries that are at hand, or written out."""
        if isinstance(block, Indexed):
            places = (self.row_places[block.tokens][:, :, None] + self.column_places) % self.dimension
            values = _wide(block.values) * self.column_signs * self.row_signs[block.tokens][:, :, None]
            return values.new_zeros(len(block), self.dimension).scatter_add_(1, places.flatten(1), values.flatten(1))
        places = (self.row_places[:, None] + self.column_places) % self.dimension
        signs = self.row_signs[:, None] * self.column_signs
        return _added(block.dense().flatten(1), places.flatten(), signs.flatten(), self.dimension)


def _added(values: Tensor, places: Tensor, signs: Tensor, dimension: int) -> Tensor:
    """(..., n) -> (..., dimension): each entry times its sign, added at its place."""
    columns = (_wide(values) * signs).reshape(-1, len(places)).T
    table = columns.new_zeros(dimension, columns.shape[1]).index_add_(0, places, columns.contiguous())
    return table.T.reshape(*values.shape[:-1], dimension)


def _wide(values: Tensor) -> Tensor:
    """In a type that Fourier transforms take."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def one_block(dimension: int) -> Layout:
    """The layout of so many numbers in one block."""
    return Layout({"projection": torch.Size([dimension])}, (BlockShape(("projection",), 1, (dimension,)),))
