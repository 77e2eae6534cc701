"""One layer's curvature by its eigenvalues in a basis that is a Kronecker product, so that rotating never takes more than the layer's own sides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from wherefrom.gradients import Dense, Layout, Rows
from wherefrom.gradients.blocks import Block, Factored, Indexed

HELD = 64 * 2**20  # bytes of written-out gradients at a time


@dataclass(frozen=True, eq=False)
class EigenBlock:
    """Eigenvalues (g, o, i) of g groups of (o, i) entries, in the basis ``rows`` ⊗ ``columns``; a side of None is left as it is."""

    rows: Tensor | None  # (g, o, o), an orthonormal basis in its columns
    columns: Tensor | None  # (g, i, i)
    values: Tensor  # (g, o, i)

    def tensors(self) -> dict[str, Tensor]:
        """All that it holds, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def turned(self, matrices: Tensor) -> Tensor:
        """(k, g·o, i) in the eigenbasis: (k, g, o, i)."""
        found = matrices.reshape(len(matrices), *self.values.shape)
        found = found if self.rows is None else self.rows.mT @ found
        return found if self.columns is None else found @ self.columns

    def back(self, turned: Tensor) -> Tensor:
        """(k, g, o, i) out of the eigenbasis: (k, g·o, i)."""
        found = turned if self.rows is None else self.rows @ turned
        found = found if self.columns is None else found @ self.columns.mT
        return found.flatten(1, 2)

    def turned_factors(self, block: Factored) -> Factored:
        """The factors in the eigenbasis, of a layer in one group."""
        inputs = block.inputs if self.columns is None else block.inputs @ self.columns[0]
        return Factored(inputs, block.outputs if self.rows is None else block.outputs @ self.rows[0])

    def diagonal(self, entries: Tensor) -> Tensor:
        """The diagonal in the eigenbasis (g, o, i) of a matrix that is diagonal outside, (g·o, i): of all diagonals the nearest."""
        found = entries.reshape(self.values.shape)
        found = found if self.rows is None else self.rows.square().mT @ found
        return found if self.columns is None else found @ self.columns.square()

    def second_moments(self, block: Block, weights: Tensor) -> Tensor:
        """Σⱼ wⱼ G̃ⱼ² over the rows of a block (g, o, i), G̃ in the eigenbasis."""
        if self._one_position(block):
            turned = self.turned_factors(block)
            return ((turned.outputs[:, 0].square() * weights[:, None]).T @ turned.inputs[:, 0].square())[None]
        if isinstance(block, Indexed) and self.rows is None:
            examples, tokens, entries = self._looked_up(block)
            return torch.zeros_like(self.values).index_add_(1, tokens, (entries.square() * weights[examples, None])[None])
        found = torch.zeros_like(self.values)
        for some, turned in self._written(block, weights):
            found += torch.tensordot(some, turned.square(), 1)
        return found

    def quadratic(self, block: Block, weights: Tensor) -> Tensor:
        """Σ G̃ⱼ² weights (g, o, i) for each row j of a block (k,)."""
        if self._one_position(block):
            turned = self.turned_factors(block)
            return ((turned.outputs[:, 0].square() @ weights[0]) * turned.inputs[:, 0].square()).sum(1)
        if isinstance(block, Indexed) and self.rows is None:
            examples, tokens, entries = self._looked_up(block)
            return weights.new_zeros(len(block)).index_add_(0, examples, (entries.square() * weights[0, tokens]).sum(1))
        return torch.cat([(turned.square() * weights).sum((1, 2, 3)) for _, turned in self._written(block, weights.new_ones(len(block)))])

    def scaled(self, block: Block, weights: Tensor) -> Tensor:
        """The entries (k, g·o, i) after each eigenvalue's direction is multiplied by its weight (g, o, i)."""
        return torch.cat([self.back(turned * weights) for _, turned in self._written(block, weights.new_ones(len(block)))])

    def _one_position(self, block: Block) -> TypeGuard[Factored]:
        return isinstance(block, Factored) and block.inputs.shape[1] == 1 and len(self.values) == 1

    def _written(self, block: Block, weights: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """(weights, entries in the eigenbasis) of some rows at a time."""
        (_, o, i), step = self.values.shape, max(1, HELD // (self.values.numel() * self.values.element_size()))
        for start in range(0, len(block), step):
            part = block if step >= len(block) else block.select(slice(start, start + step))
            if isinstance(part, Factored) and part.inputs.shape[1] * (o * o + i * i) < o * i * (o + i):
                part = self.turned_factors(part)  # turning the factors is cheaper than turning what they stand for
                yield weights[start : start + step], part.dense()[:, None]
            else:
                yield weights[start : start + step], self.turned(part.dense())

    def _looked_up(self, block: Indexed) -> tuple[Tensor, Tensor, Tensor]:
        """(example, token, its entries in the eigenbasis) of each table row that each example looked up."""
        k, t, i = block.values.shape
        places = block.tokens + block.rows * torch.arange(k, device=block.tokens.device)[:, None]
        found, inverse = places.flatten().unique(return_inverse=True)
        entries = block.values.new_zeros(len(found), i).index_add_(0, inverse, block.values.reshape(k * t, i))
        return found // block.rows, found % block.rows, entries if self.columns is None else entries @ self.columns[0]


def weighed(rows: Rows, layout: Layout, blocks: Sequence[EigenBlock], weights: Sequence[Tensor]) -> Rows:
    """Rows of a layout whose parts along each eigenvector of each layer are multiplied by a weight (g, o, i)."""
    rows.check(layout)
    found = (Dense(eigen.scaled(block, weight)) for eigen, block, weight in zip(blocks, rows.blocks, weights, strict=True))
    return Rows(tuple(found), layout)
