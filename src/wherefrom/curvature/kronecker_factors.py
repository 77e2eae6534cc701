"""Kronecker factors of a layer: sums over examples and positions of what it was given, and of what its output changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wherefrom.curvature.eigenbasis import EigenBlock
from wherefrom.errors import UsageError
from wherefrom.gradients.blocks import Block, Factored, Indexed, pieces
from wherefrom.gradients.grouped import Grouped, Stack
from wherefrom.progress import track

LONGEST = 16_384  # entries of a side beyond which only its diagonal is kept: a vocabulary's eigenvectors would take gigabytes
WIDEST = 4096  # columns of a layer without factors beyond which only the diagonal of its curvature is kept
DOUBLE = 2048  # sides up to which eigenvectors are found in float64
TOGETHER = 1024  # rows of one position that are summed by one product
STRIP = 128  # columns of a symmetric product taken at a time, so that its upper triangle is never computed


@dataclass(frozen=True, eq=False)
class SecondMoments:
    """E[ddᵀ] and E[aaᵀ] as sums, whose product approximates a layer's curvature."""

    rows: Tensor  # (g, o, o), or (g, o) where only the diagonal is kept
    columns: Tensor  # (g, i, i), or (g, i)
    positions: float  # the weight of all positions

    def tensors(self) -> dict[str, Tensor]:
        """All that it holds, by name."""
        return {"rows": self.rows, "columns": self.columns, "positions": torch.tensor(self.positions, dtype=torch.float64)}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], device: torch.device) -> "SecondMoments":
        """The moments that :meth:`tensors` gave."""
        return cls(tensors["rows"].to(device), tensors["columns"].to(device), float(tensors["positions"]))


class Grams:
    """Products Σ ssᵀ of the sides of a batch's layers, once for neighbours that were given the same: query, key and value.

    Of sides longer than ``longest`` the diagonal alone.
    """

    MOST = 8  # sides whose products are held

    def __init__(self, longest: int = LONGEST) -> None:
        self.longest = longest
        self.found: dict[Any, list[tuple[Tensor, Tensor]]] = {}

    def of(self, side: Tensor, weights: Tensor) -> Tensor:
        """Σ w ssᵀ over examples and positions (g, s, s), of (k, g, T, s) with weights (k, g, T), or Σ w s² (g, s); not to be written to."""
        if side.shape[3] > self.longest:
            return (side.square() * weights[..., None]).sum((0, 2))
        known = self.found.setdefault((side.data_ptr(), side.shape, side.stride()), [])
        for own, gram in known:
            if torch.equal(own, weights):
                return gram
        known.append((weights, _gram(side, weights)))
        if len(self.found) > self.MOST:
            del self.found[next(iter(self.found))]
        return known[-1][1]


class MomentSum:
    """The moments of one layer, summed as batches come; rows of one position wait until there are enough for a product that pays."""

    def __init__(self, total: SecondMoments | None = None, longest: int = LONGEST) -> None:
        self.total, self.longest = total, longest
        self.waiting: list[tuple[Factored, Tensor]] = []

    def add(self, block: Block, weights: Tensor, grams: Grams) -> None:
        """Another batch's rows, each of weight w (k,); ``grams`` of all layers' blocks of this batch."""
        if not (isinstance(block, Factored) and block.inputs.shape[1] == 1):
            self._take(moments(block, weights, grams))
            return
        self.waiting.append((block, weights))
        if sum(len(block) for block, _ in self.waiting) >= TOGETHER:
            self._take_waiting()

    def moments(self) -> SecondMoments:
        """All so far."""
        self._take_waiting()
        assert self.total is not None  # data are never empty
        return self.total

    def _take_waiting(self) -> None:
        if self.waiting:
            inputs, outputs, weights = zip(*((block.inputs, block.outputs, weights) for block, weights in self.waiting), strict=True)
            self.waiting = []
            self._take(moments(Factored(torch.cat(inputs), torch.cat(outputs)), torch.cat(weights), Grams(self.longest)))

    def _take(self, found: SecondMoments) -> None:
        if self.total is None:  # what others may share is not written to
            self.total = SecondMoments(torch.zeros_like(found.rows), torch.zeros_like(found.columns), 0.0)
        self.total = SecondMoments(self.total.rows.add_(found.rows), self.total.columns.add_(found.columns), self.total.positions + found.positions)


def moments(block: Block, weights: Tensor, grams: Grams) -> SecondMoments:
    """The moments of a batch's rows, each of weight w (k,).

    Positions at which nothing changes, such as padding, are left out of sequences. Rows without factors give the second
    moments of their own rows and columns, which is exact where they have one row.
    """
    if isinstance(block, Stack):
        block = block.grouped()
    if isinstance(block, Factored):
        return _factored(block.inputs[:, None], block.outputs[:, None], weights, grams)
    if isinstance(block, Grouped):
        return _factored(block.inputs, block.outputs, weights, grams)
    if isinstance(block, Indexed):
        live = (block.values != 0).any(2) * weights[:, None]
        counts = weights.new_zeros(block.rows).index_add_(0, block.tokens.flatten(), live.flatten())
        values = block.values.flatten(0, 1)
        return SecondMoments(counts[None], (values.T @ (values * weights.repeat_interleave(block.values.shape[1])[:, None]))[None], float(live.sum()))
    if block.shape[0] > grams.longest:
        return _long(block, weights)
    matrices = block.dense()
    weighed = matrices * weights[:, None, None]
    columns = (weighed.flatten(0, 1).T @ matrices.flatten(0, 1) if matrices.shape[2] <= WIDEST else (weighed * matrices).sum((0, 1)))[None]
    rows = (weighed.transpose(0, 1).flatten(1) @ matrices.transpose(0, 1).flatten(1).T)[None]
    return SecondMoments(rows, columns, float(rows.diagonal(dim1=1, dim2=2).sum()))


def _long(block: Block, weights: Tensor) -> SecondMoments:
    """Of rows too long for more than their diagonal, written out for one example at a time."""
    o, i = block.shape
    rows, columns = weights.new_zeros(o), weights.new_zeros((i, i) if i <= WIDEST else i)
    for weight, (_, (matrix,)) in zip(weights, pieces(block, entries=1), strict=True):
        rows += weight * torch.einsum("oi,oi->o", matrix, matrix)
        columns += weight * (matrix.T @ matrix if i <= WIDEST else torch.einsum("oi,oi->i", matrix, matrix))
    return SecondMoments(rows[None], columns[None], float(rows.sum()))


def _factored(inputs: Tensor, outputs: Tensor, weights: Tensor, grams: Grams) -> SecondMoments:
    """From a (k, g, T, i) and d (k, g, T, o)."""
    live = (outputs != 0).any(3) if inputs.shape[2] > 1 else outputs.new_ones(outputs.shape[:3], dtype=torch.bool)
    weighed = live * weights[:, None, None]  # (k, g, T)
    return SecondMoments(grams.of(outputs, weighed), grams.of(inputs, weighed), float(weighed.sum()) / inputs.shape[1])


def _gram(side: Tensor, weights: Tensor) -> Tensor:
    """Each pair of columns once, some columns at a time."""
    k, g, positions, size = side.shape
    by_columns = side.new_empty(g, size, k, positions)  # as patches lie in memory
    torch.mul(side, weights.sqrt()[..., None], out=by_columns.permute(2, 0, 3, 1))
    flat = by_columns.flatten(2)
    found = side.new_empty(g, size, size)
    for start in range(0, size, STRIP):
        strip = slice(start, start + STRIP)
        torch.bmm(flat[:, strip], flat[:, : start + STRIP].mT, out=found[:, strip, : start + STRIP])
        found[:, :start, strip] = found[:, strip, :start].mT
    return found


Basis = tuple[Tensor | None, Tensor]


def eigen_blocks(found: Sequence[SecondMoments], parts: int = 1) -> tuple[EigenBlock, ...]:
    """The bases of both sides of each layer, each side in so many diagonal blocks, with the products of their eigenvalues."""
    known: list[tuple[Tensor, Basis]] = []

    def basis(moment: Tensor) -> Basis:
        for other, done in known:
            if other.shape == moment.shape and torch.equal(other, moment):  # layers that were given the same
                return done
        known.append((moment, _basis(moment, parts)))
        return known[-1][1]

    blocks = []
    for layer in track(found, "fitting eigenvectors", len(found), True):
        (rows, left), (columns, right) = basis(layer.rows), basis(layer.columns)
        blocks.append(EigenBlock(rows, columns, left[:, :, None] * right[:, None, :] / (layer.positions or 1.0)))
    return tuple(blocks)


def _basis(moment: Tensor, parts: int) -> Basis:
    """Eigenvectors and eigenvalues of each group's moment; None and the entries themselves where it is a diagonal."""
    if moment.dim() == 2:
        return None, moment
    basis, found = torch.zeros_like(moment), []
    for piece in torch.arange(moment.shape[1], device=moment.device).tensor_split(min(parts, moment.shape[1])):
        places = slice(int(piece[0]), int(piece[-1]) + 1)
        block = moment[:, places, places]
        values, vectors = _eigh(block, double=len(piece) <= DOUBLE)
        basis[:, places, places] = vectors.to(moment.dtype)
        found.append(values.clamp_min(0).to(moment.dtype))
    return basis, torch.cat(found, 1)


def _eigh(block: Tensor, *, double: bool) -> tuple[Tensor, Tensor]:
    """In double precision where it is cheap, and where single precision does not converge: moments of rank far below their size, or tiny ones."""
    if not bool(torch.isfinite(block).all()):
        raise UsageError("Second moments of a layer's inputs or gradients are not finite: look for a training that diverged, or use float64.")
    scale = block.abs().amax().clamp_min(torch.finfo(block.dtype).tiny)
    if not double:
        try:
            values, vectors = torch.linalg.eigh(block / scale)
            return values * scale, vectors
        except RuntimeError:
            pass
    values, vectors = torch.linalg.eigh(block.double() / scale)
    return values * scale, vectors
