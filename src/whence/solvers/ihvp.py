"""Inverse-Hessian-vector products: a curvature, a solver and a damping, fitted once and shared by every method."""

from dataclasses import dataclass

import torch

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
    objective or a positive semi-definite curvature), otherwise 0.1 × C's mean eigenvalue. ``curvature`` may also be any
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
        damping = _default_damping(operator) if self.damping is None else float(self.damping)
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
    damping: float

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
            return rows.layout.rows(self.solve(rows).x.T)


def _default_damping(operator: Operator) -> float:
    if operator.positive_definite:
        return 0.0
    mean = operator.mean_eigenvalue()
    if not mean > 0:
        raise UsageError(f"The curvature's mean eigenvalue is {mean:.2g}, so no damping follows from it; give damping= yourself.")
    return 0.1 * mean
