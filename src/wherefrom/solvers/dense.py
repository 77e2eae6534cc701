"""Matrices written out: a curvature with its damping, and the Cholesky factor of what is positive definite."""

import torch
from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError

ROUNDING = 4  # times the floating type's resolution: what is left of a diagonal entry, by the entries before it, that rounding alone may leave


def damped_matrix(operator: Operator, damping: float | Tensor, bytes_needed: int, solver: str, instead: str) -> Tensor:
    """Return C + damping I in float64, so that rounding does not decide definiteness.

    Raises :class:`UsageError` where it does not fit into memory, with what to use ``instead`` of this solver, and where it is not finite.
    """
    budget = operator.problem.budget
    if bytes_needed > budget:
        raise UsageError(
            f"{solver} needs {bytes_needed / 1e9:.1f} GB for {operator.size} parameters and may use {budget / 1e9:.1f}; "
            f"use {instead}, choose fewer through parameters=, or raise memory=."
        )
    matrix = operator.dense().double()
    matrix.diagonal().add_(damping.flatten() if isinstance(damping, Tensor) else damping)
    if not all_finite(matrix):
        raise UsageError("The curvature is not finite; look for outputs or inputs that overflow.")
    return matrix


def cholesky_factor(matrix: Tensor, resolution: float) -> Tensor | None:
    """Return L of LLᵀ = matrix; None where the matrix is not positive definite, or rounding at this resolution may have made it so."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if int(failed) or bool((factor.diagonal().square() <= ROUNDING * resolution * matrix.diagonal()).any()):
        return None
    return factor


def solve_factored(factor: Tensor, vectors: Tensor) -> Tensor:
    """Return L⁻ᵀL⁻¹v of each column v (d, k), computed in the factor's type and given back in the vectors'."""
    return torch.cholesky_solve(vectors.to(factor.dtype), factor).to(vectors.dtype)
