"""One layer's curvature by its eigenvalues in a basis that is a Kronecker product, so that rotating never takes more than the layer's own sides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from whence.gradients.blocks import Block, Factored, Indexed
from whence.gradients.grouped import Grouped

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
        return torch.stack([torch.tensordot(w, turned.square(), 1) for w, turned in self._written(block, weights)]).sum(0)

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


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over examples and positions of what a layer was given, and of what its output changes; their product approximates its curvature."""

    rows: Tensor  # (g, o, o), or (g, o) where only the diagonal is kept
    columns: Tensor  # (g, i, i), or (g, i)
    positions: float  # the weight of all positions

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.rows + other.rows, self.columns + other.columns, self.positions + other.positions)

    def tensors(self) -> dict[str, Tensor]:
        """All that it holds, by name."""
        return {"rows": self.rows, "columns": self.columns, "positions": torch.tensor(self.positions, dtype=torch.float64)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], device: torch.device) -> "Moments":
        """The moments that :meth:`tensors` gave."""
        return cls(tensors["rows"].to(device), tensors["columns"].to(device), float(tensors["positions"]))

    def eigen(self, parts: int = 1) -> EigenBlock:
        """The bases of both sides, each side in so many diagonal blocks, with the products of their eigenvalues."""
        rows, left = _basis(self.rows, parts)
        columns, right = _basis(self.columns, parts)
        return EigenBlock(rows, columns, left[:, :, None] * right[:, None, :] / (self.positions or 1.0))


WIDEST = 4096  # columns of a layer without factors beyond which only the diagonal of its curvature is kept
DOUBLE = 2048  # sides up to which eigenvectors are found in float64


def moments(block: Block, weights: Tensor) -> Moments:
    """The moments of a batch's rows, each of weight w (k,).

    Positions at which nothing changes, such as padding, are left out of sequences. Rows without factors give the second
    moments of their own rows and columns, which is exact where they have one row.
    """
    if isinstance(block, Factored):
        return _factored(block.inputs[:, None], block.outputs[:, None], weights)
    if isinstance(block, Grouped):
        return _factored(block.inputs, block.outputs, weights)
    if isinstance(block, Indexed):
        live = (block.values != 0).any(2) * weights[:, None]
        counts = weights.new_zeros(block.rows).index_add_(0, block.tokens.flatten(), live.flatten())
        values = block.values.flatten(0, 1)
        return Moments(counts[None], (values.T @ (values * weights.repeat_interleave(block.values.shape[1])[:, None]))[None], float(live.sum()))
    matrices = block.dense()
    weighed = matrices * weights[:, None, None]
    columns = (weighed.flatten(0, 1).T @ matrices.flatten(0, 1) if matrices.shape[2] <= WIDEST else (weighed * matrices).sum((0, 1)))[None]
    flat = matrices.transpose(0, 1).flatten(1)
    rows = (weighed.transpose(0, 1).flatten(1) @ flat.T)[None]
    return Moments(rows, columns, float(rows.diagonal(dim1=1, dim2=2).sum()))


def _factored(inputs: Tensor, outputs: Tensor, weights: Tensor) -> Moments:
    """From a (k, g, T, i) and d (k, g, T, o)."""
    live = (outputs != 0).any(3) if inputs.shape[2] > 1 else outputs.new_ones(outputs.shape[:3], dtype=torch.bool)
    weighed = live * weights[:, None, None]  # (k, g, T)

    def gram(side: Tensor) -> Tensor:
        flat = torch.mul(side, weighed.sqrt()[..., None], out=side.new_empty(side.shape))  # one copy, whatever the order in memory
        flat = flat.transpose(0, 1).flatten(1, 2)
        return flat.mT @ flat

    return Moments(gram(outputs), gram(inputs), float(weighed.sum()) / inputs.shape[1])


def _basis(moment: Tensor, parts: int) -> tuple[Tensor | None, Tensor]:
    """Eigenvectors and eigenvalues of each group's moment; None and the entries themselves where it is a diagonal."""
    if moment.dim() == 2:
        return None, moment
    basis, found = torch.zeros_like(moment), []
    for piece in torch.arange(moment.shape[1], device=moment.device).tensor_split(min(parts, moment.shape[1])):
        places = slice(int(piece[0]), int(piece[-1]) + 1)
        block = moment[:, places, places]
        values, vectors = torch.linalg.eigh(block.double() if len(piece) <= DOUBLE else block)
        basis[:, places, places] = vectors.to(moment.dtype)
        found.append(values.clamp_min(0).to(moment.dtype))
    return basis, torch.cat(found, 1)
