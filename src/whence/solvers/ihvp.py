"""Inverse-Hessian-vector products: a curvature, a solver and a damping, fitted once and shared by every method."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from whence.curvature import Curvature, External, GaussNewton, Operator
from whence.curvature.operator import Matrix
from whence.errors import UsageError
from whence.gradients import Rows
from whence.problem import Problem
from whence.solvers.exact import Exact
from whence.solvers.solver import Inverse, Solution, Solver


@dataclass(frozen=True)
class IHVP:
    """(C + damping I)⁻¹ for any curvature and any solver.

    ``damping=None`` means 0 where C is positive definite by construction (l2 > 0 on every chosen parameter, and a convex
    objective or a positive semi-definite curvature), otherwise 0.1 × C's mean eigenvalue; for K-FAC and EK-FAC 0.1 × the mean
    eigenvalue of each layer. ``curvature`` may also be any
    object that multiplies flat parameter vectors with ``@``.
    """

    curvature: Curvature | Matrix = GaussNewton()
    solver: Solver = Exact()
    damping: float | None = None

    def __post_init__(self) -> None:
        if self.damping is not None and not self.damping >= 0:
            raise UsageError(f"damping={self.damping} would take curvature away; give 0 or more.")

    def fit(self, problem: Problem) -> "FittedIHVP":
        """Prepare the inverse at the problem's parameters."""
        operator = self.curvature.fit(problem) if isinstance(self.curvature, Curvature) else External(self.curvature, problem)
        damping = operator.default_damping() if self.damping is None else float(self.damping)
        return FittedIHVP(self, problem.fingerprint(), operator, self.solver.fit(operator, damping), damping)

    def work(self, problem: Problem) -> tuple[str, int]:
        """What fitting and solving take, in words, and the bytes held."""
        return self.solver.work(problem)


@dataclass(frozen=True, eq=False)
class FittedIHVP:
    """A prepared inverse; ``damping`` is the value used, ``fingerprint`` the problem it belongs to."""

    settings: IHVP
    fingerprint: str
    operator: Operator
    inverse: Inverse
    damping: float | Tensor  # a column (d, 1) where each layer has its own

    def fit(self, problem: Problem) -> "FittedIHVP":
        """Itself, for the problem it was fitted on; another is refused."""
        if problem.fingerprint() != self.fingerprint:
            raise UsageError("This IHVP was fitted on other weights, data or another objective; fit its settings again: ihvp.settings.fit(problem).")
        return self

    def work(self, problem: Problem) -> tuple[str, int]:
        """What solving takes beside what is fitted already: not counted."""
        return "", 0

    def solve(self, rows: Rows) -> Solution:
        """(C + damping I)⁻¹ of each row, with how it went; x is (d, k)."""
        return self.inverse.solve(rows.flat().T.contiguous())

    def apply(self, rows: Rows) -> Rows:
        """(C + damping I)⁻¹ of each row, as rows."""
        with torch.no_grad():
            return self.inverse.apply(rows)

    def against(self, rows: Rows, count: int) -> Callable[[Rows], Tensor]:
        """rowⱼᵀ (C + damping I)⁻¹ · of ``count`` other rows, some at a time: (k, b). What can be done once is done now."""
        with torch.no_grad():
            return self.inverse.against(rows, count)

    def quadratic(self, rows: Rows, power: int = 1) -> Tensor:
        """vᵀ (C + damping I)⁻¹ v of each row v (k,), or with ``power=2`` the squared length of (C + damping I)⁻¹ v."""
        with torch.no_grad():
            return self.inverse.quadratic(rows, power)
