"""Second moments of projected gradients, summed as they come, and their damped inverse: what TRAK and projected influence have in common."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.layerwise import LAYER_DAMPING
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.gradients import LayerProjection, Layout, Projection, Rows
from wherefrom.gradients.projection import one_block
from wherefrom.problem import Problem
from wherefrom.solvers.dense import cholesky_factor, solve_factored

Project = Callable[[Rows], Rows]


def sizes_of(projection: LayerProjection | Projection, layout: Layout) -> list[int]:
    """The numbers of each matrix of second moments: one for each layer, or one for a sketch of all."""
    if isinstance(projection, Projection):
        return [min(layout.size, projection.dimension)]
    return [min(projection.rank, shape.rows) * min(projection.rank, sum(shape.columns)) for shape in layout.blocks]


def projector_of(projection: LayerProjection | Projection, layout: Layout, like: Tensor) -> Project:
    """The map of the rows of a layout, a block for each matrix."""
    if isinstance(projection, LayerProjection):
        return projection.of(layout, like)
    sketch, few = projection.of(layout, like.device), one_block(sizes_of(projection, layout)[0])
    return lambda rows: few.rows(sketch(rows).flat())


def bytes_of(sizes: Iterable[int]) -> int:
    """What matrices of these sizes and their factors take."""
    return 2 * 8 * sum(size**2 for size in sizes)


def zeros(problem: Problem, sizes: Iterable[int], fix: str) -> list[Tensor]:
    """Matrices to add to, in float64. Raises :class:`UsageError`, with what would help, where they do not fit into memory."""
    sizes = list(sizes)
    if bytes_of(sizes) > problem.budget:
        most = f"{bytes_of(sizes) / 1e9:.1f} GB for matrices of up to {max(sizes):,}² entries, and may use {problem.budget / 1e9:.1f}"
        raise UsageError(f"This needs {most}; give a smaller {fix}, choose fewer through parameters=, or raise memory=.")
    return [torch.zeros(size, size, dtype=torch.float64, device=problem.device) for size in sizes]


def add_moments(matrix: Tensor, rows: Tensor, weights: Tensor) -> None:
    """Add Σⱼ wⱼ rⱼrⱼᵀ of rows (b, k) to a matrix (k, k), in float64."""
    wide = rows.double()
    matrix.addmm_((wide * weights.double()[:, None]).T, wide)


def layer_dampings(traces: Sequence[float], sizes: Sequence[int]) -> list[float]:
    """0.1 × the mean eigenvalue of each layer's curvature, by its trace and size; of a layer without curvature, by the mean of all.

    Raises :class:`UsageError` where none has any.
    """
    overall = sum(traces) / sum(sizes)
    if not overall > 0:
        raise UsageError(f"The curvature's mean eigenvalue is {overall:.2g}, so no damping follows from it; give damping= yourself.")
    return [LAYER_DAMPING * (trace / size or overall) for trace, size in zip(traces, sizes, strict=True)]


@dataclass(frozen=True, eq=False)
class DampedInverse:
    """(M + damping I)⁻¹ of a positive semi-definite M (k, k) by its Cholesky factor in float64."""

    factor: Tensor

    @classmethod
    def of(cls, matrix: Tensor, damping: float, what: str, like: Tensor) -> "DampedInverse":
        """Factor M, computed from numbers of the type of ``like``.

        Raises :class:`UsageError` where M is not finite, or singular without damping; ``what`` names the setting that adds some.
        """
        if not all_finite(matrix):
            raise UsageError("Projected gradients are so large that their products overflow; scale the inputs down, or take the problem in float64.")
        damped = matrix + damping * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        factor = cholesky_factor(damped, 0.0 if damping else torch.finfo(like.dtype).eps)
        if factor is None:
            raise UsageError(f"The projected gradients do not span all of their {len(matrix)} dimensions; leave out {what}= or give a larger one.")
        return cls(factor)

    def solve(self, rows: Tensor) -> Tensor:
        """The solution for each row (b, k)."""
        return solve_factored(self.factor, rows.T).T

    def quadratic(self, rows: Tensor) -> Tensor:
        """rᵀ (M + damping I)⁻¹ r of each row (b,)."""
        return self._lower(rows).square().sum(0).to(rows.dtype)

    def whiten(self, rows: Tensor) -> Tensor:
        """L⁻¹r of each row (b, k), LLᵀ the damped matrix: their inner products are those by its inverse."""
        return self._lower(rows).T.to(rows.dtype)

    def _lower(self, rows: Tensor) -> Tensor:
        return torch.linalg.solve_triangular(self.factor, rows.double().T, upper=False)
