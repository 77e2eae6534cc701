"""Block conjugate gradients: one Krylov space for all right-hand sides (O'Leary 1980), directions kept orthonormal (Ji & Li 2017)."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import Curvature, Operator
from wherefrom.curvature.inverse import Inverse, Solution, relative_residual
from wherefrom.data.trees import all_finite
from wherefrom.errors import NotPositiveDefinite, UsageError
from wherefrom.problem import Problem
from wherefrom.solvers.exact import Exact
from wherefrom.solvers.solver import Solver, SolverWarning, remedy

BLOCK = 128  # right-hand sides that share one space


@dataclass(frozen=True)
class CG(Solver):
    """Solves by products with the curvature alone, one with all directions in each iteration.

    All right-hand sides search one space together, so a hundred need far fewer iterations than one would; a column that has
    reached ``tolerance`` (relative residual; default 1e-6 in float32, 1e-10 in float64) is frozen. ``preconditioner`` is a
    curvature whose exact inverse stands in for the right one. Raises :class:`NotPositiveDefinite` on a direction of
    negative curvature; warns where ``max_iterations`` did not suffice.
    """

    tolerance: float | None = None
    max_iterations: int = 1000
    preconditioner: Curvature | None = None

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Prepare the preconditioner."""
        return self._by(operator, damping, None if self.preconditioner is None else self.preconditioner.fit(operator.problem))

    def prepared(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        return self._by(operator, damping, None if self.preconditioner is None else self.preconditioner.restore(operator.problem, tensors))

    def _by(self, operator: Operator, damping: float | Tensor, rough: Operator | None) -> Inverse:
        tolerance = self.tolerance or (1e-10 if operator.problem.dtype == torch.float64 else 1e-6)
        return BlockCG(operator, damping, tolerance, self.max_iterations, None if rough is None else _rough(rough, damping), rough)

    def work(self, problem: Problem) -> tuple[str, int]:
        """Products with the curvature until the tolerance is met, and the preconditioner's matrix."""
        rough, held = ("", 0) if self.preconditioner is None else Exact().work(problem)
        said = f"at most {self.max_iterations} products with the curvature for each {BLOCK} queries" + (
            f", preconditioned by {rough}" if rough else ""
        )
        return said, held + 4 * BLOCK * problem.size * problem.dtype.itemsize


@dataclass(frozen=True, eq=False)
class BlockCG(Inverse):
    """(C + damping I)⁻¹ by iteration."""

    operator: Operator
    damping: float | Tensor
    tolerance: float
    max_iterations: int
    rough: Inverse | None
    preconditioner: Operator | None

    def tensors(self) -> dict[str, Tensor]:
        return {} if self.preconditioner is None else self.preconditioner.tensors()

    def solve(self, vectors: Tensor) -> Solution:
        parts = [self._solve(part) for part in vectors.split(BLOCK, dim=1)]
        residual = torch.cat([part.residual for part in parts])
        solution = Solution(
            torch.cat([part.x for part in parts], 1), max(part.iterations for part in parts), residual, all(part.converged for part in parts)
        )
        if not solution.converged:
            warnings.warn(
                f"CG stopped after {self.max_iterations} iterations at a relative residual of {float(residual.max()):.1e}, not {self.tolerance:.0e}; "
                "allow more iterations, raise the damping, or give a preconditioner.",
                SolverWarning,
                stacklevel=2,
            )
        return solution

    def _solve(self, vectors: Tensor) -> Solution:
        x, residual = torch.zeros_like(vectors), vectors.clone()
        active = (residual.norm(dim=0) > 0).nonzero()[:, 0]
        directions = _orthonormal(self._precondition(residual[:, active]))
        iterations = 0
        while len(active) and directions.shape[1] and iterations < self.max_iterations:
            products = self.operator @ directions + self.damping * directions
            factor = self._factor(directions.T @ products)
            step = torch.cholesky_solve(directions.T @ residual[:, active], factor)
            x[:, active] += directions @ step
            residual[:, active] -= products @ step
            iterations += 1
            # The updated residual drifts from the true one; near the tolerance the true one decides.
            active = active[relative_residual(residual[:, active], vectors[:, active]) > self.tolerance]
            if not len(active):
                residual = vectors - self.operator @ x - self.damping * x
                active = (relative_residual(residual, vectors) > 2 * self.tolerance).nonzero()[:, 0]
                directions = _orthonormal(self._precondition(residual[:, active])) if len(active) else directions
                continue
            rough = self._precondition(residual[:, active])
            turned = torch.cholesky_solve(products.T @ rough, factor)
            directions = _orthonormal(rough - directions @ turned)
        return Solution(x, iterations, relative_residual(residual, vectors), not len(active))

    def _precondition(self, vectors: Tensor) -> Tensor:
        return vectors if self.rough is None else self.rough.solve(vectors).x

    def _factor(self, matrix: Tensor) -> Tensor:
        factor, failed = torch.linalg.cholesky_ex((matrix + matrix.T) / 2)
        if int(failed):
            raise NotPositiveDefinite(f"CG met a direction of negative or no curvature; {remedy(self.operator)}.")
        return factor


def _rough(operator: Operator, damping: float | Tensor) -> Inverse:
    return operator.own_inverse(damping, 0.0) or Exact().fit(operator, damping)


def _orthonormal(vectors: Tensor) -> Tensor:
    """An orthonormal basis of the columns; directions that repeat others are dropped."""
    if not all_finite(vectors):
        raise UsageError("CG's products overflow; give a larger damping, or take the problem in float64.")
    if not vectors.shape[1]:
        return vectors
    scaled = vectors / vectors.norm(dim=0).clamp_min(torch.finfo(vectors.dtype).tiny)
    basis, sizes, _ = torch.linalg.svd(scaled, full_matrices=False) if scaled.shape[1] <= 1 else _gram_basis(scaled)
    return basis[:, sizes > sizes.max() * 10 * torch.finfo(vectors.dtype).eps]


def _gram_basis(vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Left singular vectors by a QR of the tall matrix and an SVD of its small factor."""
    basis, triangle = torch.linalg.qr(vectors)
    left, sizes, right = torch.linalg.svd(triangle)
    return basis @ left, sizes, right
