"""The inverse by a Cholesky factor of the whole matrix: exact, for as many parameters as fit into memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.curvature.inverse import Inverse, Solution, relative_residual
from wherefrom.errors import NotPositiveDefinite
from wherefrom.problem import Problem
from wherefrom.solvers.dense import cholesky_factor, damped_matrix, solve_factored
from wherefrom.solvers.solver import Solver, remedy

SPECTRUM = 4000  # the largest dimension whose smallest eigenvalue is looked up for an error message


@dataclass(frozen=True)
class Exact(Solver):
    """x = L⁻ᵀL⁻¹v with LLᵀ = C + damping I; d²·8 bytes and d³/3 multiplications once, then 2d² for each v.

    The factor is taken in float64 whatever the problem's type, so that rounding does not decide definiteness. Raises
    :class:`UsageError` where the matrix does not fit into memory, :class:`NotPositiveDefinite` where it is not positive definite.
    """

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Factor the matrix."""
        matrix = damped_matrix(operator, damping, self.work(operator.problem)[1], "Exact", "CG()")
        factor = cholesky_factor(matrix, torch.finfo(operator.problem.dtype).eps)
        if factor is None:
            raise NotPositiveDefinite(f"The curvature is not positive definite{_smallest(matrix)}; {remedy(operator)}.")
        return Cholesky(factor, operator, damping)

    def prepared(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        return Cholesky(tensors["factor"].to(operator.problem.device), operator, damping)

    def work(self, problem: Problem) -> tuple[str, int]:
        """The matrix and its factor."""
        return f"a matrix of {problem.size:,}² entries, written out and factored", 3 * 8 * problem.size**2


@dataclass(frozen=True, eq=False)
class Cholesky(Inverse):
    """(C + damping I)⁻¹ as its Cholesky factor."""

    factor: Tensor
    operator: Operator
    damping: float | Tensor

    def tensors(self) -> dict[str, Tensor]:
        return {"factor": self.factor}

    def solve(self, vectors: Tensor) -> Solution:
        x = solve_factored(self.factor, vectors)
        # The residual by the operator itself, on a few columns: it also tells when the matrix was not the operator's.
        few = slice(0, 8)
        left = vectors[:, few] - self.operator @ x[:, few] - self.damping * x[:, few]
        return Solution(x, 1, relative_residual(left, vectors[:, few]), True)


def _smallest(matrix: Tensor) -> str:
    if len(matrix) > SPECTRUM:
        return ""
    return f" (its smallest eigenvalue is {float(torch.linalg.eigvalsh(matrix)[0]):.2g})"
