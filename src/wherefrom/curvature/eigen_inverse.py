"""The inverse of a curvature that is known by its eigenvalues: these turned over, and scores taken in the eigenbasis."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.eigenbasis import EigenBlock, weighed
from wherefrom.curvature.inverse import Inverse, Solution
from wherefrom.curvature.low_rank import LowRank, low_rank
from wherefrom.data.trees import all_finite
from wherefrom.errors import NotPositiveDefinite, UsageError
from wherefrom.gradients import Dense, Factored, Layout, Rows
from wherefrom.gradients.blocks import Block

SHOWN = 64  # outer products beyond which an account leaves a layer out


@dataclass(frozen=True, eq=False)
class EigenInverse(Inverse):
    """(C + damping I)⁻¹ by the inverted eigenvalues of each layer (g, o, i)."""

    layout: Layout
    blocks: tuple[EigenBlock, ...]
    weights: tuple[Tensor, ...]
    tolerance: float

    @classmethod
    def of(cls, layout: Layout, blocks: tuple[EigenBlock, ...], damped: list[Tensor], tolerance: float, *, undamped: bool) -> "EigenInverse":
        """Turn over each layer's eigenvalues, their damping included."""
        for values in damped:
            _check(values, undamped)
        return cls(layout, blocks, tuple(1 / values for values in damped), tolerance)

    def solve(self, vectors: Tensor) -> Solution:
        x = self.apply(self.layout.rows(vectors.T)).flat().T
        return Solution(x, 1, vectors.new_zeros(vectors.shape[1]), True)

    def apply(self, rows: Rows) -> Rows:
        return weighed(rows, self.layout, self.blocks, self.weights)

    def against(self, rows: Rows, count: int) -> Callable[[Rows], Tensor]:
        rows.check(self.layout)
        sides = [self._side(place, block, count) for place, block in enumerate(rows.blocks)]
        prepared = Rows(tuple(block for block, _ in sides), rows.layout)

        def score(others: Rows) -> Tensor:
            turned = [
                eigen.turned_factors(block) if inside and isinstance(block, Factored) else block
                for (_, inside), eigen, block in zip(sides, self.blocks, others.blocks, strict=True)
            ]
            return prepared.dot(Rows(tuple(turned), others.layout))

        return score

    def quadratic(self, rows: Rows, power: int) -> Tensor:
        found = zip(self.blocks, rows.blocks, self.weights, strict=True)
        return torch.stack([eigen.quadratic(block, weight**power) for eigen, block, weight in found]).sum(0)

    def _side(self, place: int, block: Block, count: int) -> tuple[Block, bool]:
        """What the other rows' block is to be multiplied with, and whether in the eigenbasis."""
        eigen, weights = self.blocks[place], self.weights[place]
        if isinstance(block, Factored) and block.inputs.shape[1] == 1 and len(weights) == 1:
            o, i = weights.shape[1:]
            outside = len(block) * count * o * (i + 1)  # what is known of the other rows: one position too
            most = (outside - count * (o * o + i * i)) // max(1, len(block) * count * (o + i + 2))
            thin = self.low_rank(place, most) if self.tolerance > 0 and most > 0 else None
            if thin is not None:
                return _spread(eigen.turned_factors(block), thin), True
        return Dense(eigen.scaled(block, weights)), False

    def account(self) -> str:
        """By how many outer products each layer's inverted eigenvalues are held, and how far from them, where that is what scoring takes."""
        said = []
        for place, shape in enumerate(self.layout.blocks):
            thin = self.low_rank(place, SHOWN) if self.tolerance > 0 and len(self.weights[place]) == 1 else None
            if thin is not None:
                said.append(f"{shape.names[0]} {thin.rows.shape[1]} (relative error {thin.error:.1g})")
        return "1/(Λ + damping) as outer products, where examples have one position and it is cheaper: " + ", ".join(said) if said else ""

    def low_rank(self, place: int, most: int) -> LowRank | None:
        """A layer's inverted eigenvalues as at most so many outer products, weighed by the gradients' energy; None where that is too few."""
        eigen, weights = self.blocks[place], self.weights[place]
        return low_rank(weights[0], eigen.values[0].sum(1), eigen.values[0].sum(0), self.tolerance, most)


def _check(values: Tensor, undamped: bool) -> None:
    """A layer's eigenvalues, damping and all, must have an inverse; without damping those that rounding leaves of 0 count as 0."""
    if not all_finite(values):
        raise UsageError("The curvature is not finite; look for outputs or inputs that overflow.")
    least = torch.finfo(values.dtype).eps * float(values.max()) if undamped else 0.0
    if not bool((values > least).all()):
        fix = "give a damping above 0, or leave damping=None" if undamped else "give a larger damping"
        raise NotPositiveDefinite(f"The curvature has eigenvalues of 0 or below; {fix}.")
    if not all_finite(1 / values):
        raise UsageError(f"The curvature is so small that its inverse overflows in {values.dtype}; give a larger damping.")


def _spread(turned: Factored, thin: LowRank) -> Factored:
    """Rows of one position as one position for each outer product, (k, R, ·)."""
    return Factored(turned.inputs * thin.columns.T, turned.outputs * thin.rows.T)
