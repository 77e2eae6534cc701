"""The inverse of a curvature that carries its eigenbasis: eigenvalues turned over, and scores taken in that basis."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import BlockEigen, Operator
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.gradients import Dense, Factored, Rows
from wherefrom.gradients.blocks import Block
from wherefrom.problem import Problem
from wherefrom.solvers.low_rank import LowRank, low_rank
from wherefrom.solvers.solver import Inverse, Solution, Solver

SHOWN = 64  # outer products beyond which an account leaves a layer out


@dataclass(frozen=True)
class Eigen(Solver):
    """Q (Λ + damping)⁻¹ Qᵀ for curvatures that are known by their eigenvalues, such as K-FAC and EK-FAC.

    Layers that see one position of each example are scored without ever being written out, where that is cheaper: 1/(Λ + damping) is held as a
    sum of outer products, as many as bring its error, weighed by the gradients' energy, to ``tolerance``; 0 keeps every score exact.
    """

    tolerance: float = 0.005

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Turn the eigenvalues over."""
        if not isinstance(operator, BlockEigen):
            raise UsageError(f"{type(operator).__name__} does not carry its eigenvalues, as KFAC() and EKFAC() do; use Exact() or CG().")
        damped = operator.damped(damping)
        undamped = not bool((torch.as_tensor(damping) > 0).all())
        for values in damped:
            _check(values, undamped)
        return EigenInverse(operator, tuple(1 / values for values in damped), self.tolerance)

    def work(self, problem: Problem) -> tuple[str, int]:
        """Nothing beyond the curvature's own."""
        return "the curvature's passes and eigenvectors", problem.size * problem.dtype.itemsize


@dataclass(frozen=True, eq=False)
class EigenInverse(Inverse):
    """(C + damping I)⁻¹ by the inverted eigenvalues of each layer (g, o, i)."""

    operator: BlockEigen
    weights: tuple[Tensor, ...]
    tolerance: float

    def solve(self, vectors: Tensor) -> Solution:
        x = self.apply(self.operator.layout.rows(vectors.T)).flat().T
        return Solution(x, 1, vectors.new_zeros(vectors.shape[1]), True)

    def apply(self, rows: Rows) -> Rows:
        return self.operator.weighed(rows, list(self.weights))

    def against(self, rows: Rows, count: int) -> Callable[[Rows], Tensor]:
        rows.check(self.operator.layout)
        sides = [self._side(place, block, count) for place, block in enumerate(rows.blocks)]
        prepared = Rows(tuple(block for block, _ in sides), rows.layout)

        def score(others: Rows) -> Tensor:
            turned = [
                eigen.turned_factors(block) if inside and isinstance(block, Factored) else block
                for (_, inside), eigen, block in zip(sides, self.operator.blocks, others.blocks, strict=True)
            ]
            return prepared.dot(Rows(tuple(turned), others.layout))

        return score

    def quadratic(self, rows: Rows, power: int) -> Tensor:
        found = zip(self.operator.blocks, rows.blocks, self.weights, strict=True)
        return torch.stack([eigen.quadratic(block, weight**power) for eigen, block, weight in found]).sum(0)

    def _side(self, place: int, block: Block, count: int) -> tuple[Block, bool]:
        """What the other rows' block is to be multiplied with, and whether in the eigenbasis."""
        eigen, weights = self.operator.blocks[place], self.weights[place]
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
        for place, shape in enumerate(self.operator.layout.blocks):
            thin = self.low_rank(place, SHOWN) if self.tolerance > 0 and len(self.weights[place]) == 1 else None
            if thin is not None:
                said.append(f"{shape.names[0]} {thin.rows.shape[1]} (relative error {thin.error:.1g})")
        return "1/(Λ + damping) as outer products, where examples have one position and it is cheaper: " + ", ".join(said) if said else ""

    def low_rank(self, place: int, most: int) -> LowRank | None:
        """A layer's inverted eigenvalues as at most so many outer products, weighed by the gradients' energy; None where that is too few."""
        eigen, weights = self.operator.blocks[place], self.weights[place]
        return low_rank(weights[0], eigen.values[0].sum(1), eigen.values[0].sum(0), self.tolerance, most)


def _check(values: Tensor, undamped: bool) -> None:
    """A layer's eigenvalues, damping and all, must have an inverse; without damping those that rounding leaves of 0 count as 0."""
    if not all_finite(values):
        raise UsageError("The curvature is not finite; look for outputs or inputs that overflow.")
    least = torch.finfo(values.dtype).eps * float(values.max()) if undamped else 0.0
    if not bool((values > least).all()):
        fix = "give a damping above 0, or leave damping=None" if undamped else "give a larger damping"
        raise UsageError(f"The curvature has eigenvalues of 0 or below; {fix}.")
    if not all_finite(1 / values):
        raise UsageError(f"The curvature is so small that its inverse overflows in {values.dtype}; give a larger damping.")


def _spread(turned: Factored, thin: LowRank) -> Factored:
    """Rows of one position as one position for each outer product, (k, R, ·)."""
    return Factored(turned.inputs * thin.columns.T, turned.outputs * thin.rows.T)
