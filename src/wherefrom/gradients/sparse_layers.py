"""A random part of each layer's rows and columns, by which a gradient is sparse before it is projected (GraSS, Hu et al. 2025)."""

from dataclasses import dataclass, replace
from zlib import crc32

import torch
from torch import Tensor

from wherefrom.gradients.blocks import Block, Dense, Factored, Indexed


@dataclass(frozen=True, eq=False)
class LayerPart:
    """The entries of a layer at some of its rows and some of its columns, times ``stretch``, so that inner products stay on average.

    Factors are cut, not multiplied out: a gradient Σₜ outer(dₜ, aₜ) becomes that of the kept entries of dₜ and aₜ.
    """

    rows: Tensor  # sorted places
    columns: Tensor
    stretch: float
    places: Tensor  # (o,) where each row went; -1 where it is left out

    @classmethod
    def drawn(cls, rows: int, columns: int, share: float, name: str, device: torch.device | str) -> "LayerPart":
        """Keep about ``share`` of the entries: its root of either side, or all of it of the only side."""
        each, generator = (share if min(rows, columns) == 1 else share**0.5), torch.Generator().manual_seed(crc32(f"part {name}".encode()))
        kept = [torch.randperm(size, generator=generator)[: max(1, round(size * each))].sort().values for size in (rows, columns)]
        places = torch.full((rows,), -1).index_copy_(0, kept[0], torch.arange(len(kept[0])))
        stretch = (rows * columns / (len(kept[0]) * len(kept[1]))) ** 0.5
        return cls(kept[0].to(device), kept[1].to(device), stretch, places.to(device))

    def stretched(self, block: Block) -> Block:
        """All of a block times ``stretch``."""
        return block.scale(block.like.new_full((len(block),), self.stretch))

    def __call__(self, block: Block) -> Block:
        """The kept entries as a block of their own, stretched."""
        if isinstance(block, Factored):
            return Factored(block.inputs[..., self.columns], block.outputs[..., self.rows] * self.stretch)
        if isinstance(block, Indexed):
            places = self.places[block.tokens]
            values = block.values[..., self.columns] * (self.stretch * (places >= 0))[..., None].to(block.values.dtype)
            return replace(block, tokens=places.clamp_min(0), values=values, rows=len(self.rows))
        return Dense(block.dense()[:, self.rows][:, :, self.columns] * self.stretch)
