"""The inverse of an indefinite curvature by eigenvalues in absolute value (Dauphin et al. 2014): exact where it is positive definite."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.curvature.inverse import Inverse, Solution, relative_residual
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.solvers.dense import damped_matrix
from wherefrom.solvers.solver import Solver


@dataclass(frozen=True)
class Absolute(Solver):
    """x = V max(|Λ|, least)⁻¹ Vᵀ v, with VΛVᵀ = C + damping I; d²·8 bytes and about 9d³ multiplications once, then 4d² for each v.

    The same as :class:`wherefrom.Exact` where no eigenvalue is below ``least`` > 0. For models that are moved off their minimum, as
    those of a bootstrap are: there a Hessian has directions of negative curvature, which alone are changed. Raises :class:`UsageError` where the
    matrix does not fit into memory, or ``least`` is 0 and an eigenvalue is too.
    """

    least: float = 0.0

    def __post_init__(self) -> None:
        if not self.least >= 0:
            raise UsageError(f"least={self.least} is no size of an eigenvalue; give 0 or more.")

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Take the eigenvalues."""
        matrix = damped_matrix(operator, damping, self.work(operator.problem)[1], "Absolute", "GaussNewton() with CG()")
        values, vectors = torch.linalg.eigh(matrix)
        sizes = values.abs().clamp_min(self.least)
        if not float(sizes.min()) > len(values) * torch.finfo(operator.problem.dtype).eps * float(sizes.max()):
            raise UsageError("The curvature has an eigenvalue of 0; give least= above 0, or a larger damping.")
        return AbsoluteInverse(sizes, vectors)

    def prepared(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        return AbsoluteInverse(*(tensors[name].to(operator.problem.device) for name in ("sizes", "vectors")))

    def work(self, problem: Problem) -> tuple[str, int]:
        """The matrix, its eigenvectors and what finding them takes."""
        return f"a matrix of {problem.size:,}² entries, written out, and its eigenvectors", 3 * 8 * problem.size**2


@dataclass(frozen=True, eq=False)
class AbsoluteInverse(Inverse):
    """V sizes⁻¹ Vᵀ."""

    sizes: Tensor
    vectors: Tensor

    def tensors(self) -> dict[str, Tensor]:
        return {"sizes": self.sizes, "vectors": self.vectors}

    def solve(self, vectors: Tensor) -> Solution:
        wanted = vectors.double()
        x = self.vectors @ ((self.vectors.T @ wanted) / self.sizes[:, None])
        left = wanted - self.vectors @ (self.sizes[:, None] * (self.vectors.T @ x))
        return Solution(x.to(vectors.dtype), 1, relative_residual(left, wanted).to(vectors.dtype), True)
