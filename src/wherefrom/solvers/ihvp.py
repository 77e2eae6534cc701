"""Inverse-Hessian-vector products: a curvature, a solver and a damping, fitted once and shared by every method."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from wherefrom.curvature import Curvature, GaussNewton, Matrix, Operator, as_curvature
from wherefrom.curvature.inverse import Inverse, Solution
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.problem import Problem
from wherefrom.solvers.damping import DampingCurve, chosen_damping, damping_of
from wherefrom.solvers.exact import Exact
from wherefrom.solvers.serialization import from_plain, to_plain
from wherefrom.solvers.solver import Solver
from wherefrom.store import UnfinishedFit, beneath, read_tensors, under, write_tensors

KIND = "fitted IHVP"


@dataclass(frozen=True)
class IHVP:
    """(C + damping I)⁻¹ for any curvature and any solver.

    ``damping=None`` means 0 where C is positive definite by construction (l2 > 0 on every chosen parameter, and a convex
    objective or a positive semi-definite curvature), otherwise 0.1 × C's mean eigenvalue; for K-FAC and EK-FAC 0.1 × the mean
    eigenvalue of each layer. ``damping="auto"`` chooses one without retraining (:class:`wherefrom.solvers.DampingCurve`, kept as ``curve``).
    ``curvature`` may also be any object that multiplies flat parameter vectors with ``@``.
    """

    curvature: Curvature | Matrix = GaussNewton()
    solver: Solver = Exact()
    damping: float | Literal["auto"] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.damping, str) and self.damping != "auto":
            raise UsageError(f"damping={self.damping!r} is unknown; give a number, 'auto' or None.")
        if self.damping is not None and self.damping != "auto" and not self.damping >= 0:
            raise UsageError(f"damping={self.damping} would take curvature away; give 0 or more.")

    def fit(self, problem: Problem, out: str | Path | None = None) -> "FittedIHVP":
        """Prepare the inverse at the problem's parameters.

        With ``out`` it is saved there (:meth:`load`), or read where it stands already; Kronecker and diagonal curvatures also keep how far they have
        come in a file beside it, so that a killed fit goes on when the same call is made again.
        """
        if out is not None and Path(out).exists():
            return self._checked(IHVP.load(out, problem), out)
        resume = None if out is None else UnfinishedFit(f"{out}.unfinished", {**self._manifest(problem), "batch": Gradients(problem).size})
        curvature = as_curvature(self.curvature)
        operator = curvature.fit(problem, resume)
        curve = chosen_damping(curvature, self.solver, problem) if self.damping == "auto" else None
        if curve is not None:
            damping = damping_of(operator, curve.chosen)
        else:
            damping = operator.default_damping() if self.damping is None else float(self.damping)
        fitted = FittedIHVP(self, problem.fingerprint(), operator, self.solver.fit(operator, damping), damping, curve)
        if out is not None and resume is not None:
            fitted.save(out)
            resume.finish()
        return fitted

    @classmethod
    def load(cls, path: str | Path, problem: Problem) -> "FittedIHVP":
        """What :meth:`FittedIHVP.save` wrote, for the problem that it was fitted on.

        Raises :class:`UsageError` where the weights, the data, the ids, the objective or the choice of parameters differ, and says which.
        """
        tensors, manifest = read_tensors(path, KIND)
        now = problem.fingerprints()
        differ = [name for name, seal in manifest["problem"].items() if now.get(name) != seal]
        if differ:
            raise UsageError(f"{path} was fitted on another {' and another '.join(differ)}; fit it again, or give the problem it belongs to.")
        settings = cls(*(from_plain(manifest[name]) for name in ("curvature", "solver", "damping")))
        operator = as_curvature(settings.curvature).restore(problem, under("curvature", tensors))
        damping = tensors["damping"].to(problem.device) if tensors["damping"].dim() else float(tensors["damping"])
        inverse = settings.solver.restore(operator, damping, under("solver", tensors))
        curve = None if manifest["curve"] is None else DampingCurve(*map(tuple, manifest["curve"]))
        notes = tuple(manifest.get("notes", ()))  # files of version 0.1.0 have none
        return FittedIHVP(settings, problem.fingerprint(), operator, inverse, damping, curve, notes)

    def _manifest(self, problem: Problem) -> dict[str, Any]:
        """What a file is of."""
        return {**{name: to_plain(getattr(self, name)) for name in ("curvature", "solver", "damping")}, "problem": problem.fingerprints()}

    def _checked(self, found: "FittedIHVP", path: str | Path) -> "FittedIHVP":
        if found.settings != self:
            raise UsageError(f"{path} holds {found.settings}, not {self}; give another path or remove it.")
        return found

    def work(self, problem: Problem) -> tuple[str, int]:
        """What fitting and solving take, in words, and the bytes held."""
        return self.solver.work(problem)

    def account(self) -> str:
        """What scoring approximates: not known before it is fitted."""
        return ""


@dataclass(frozen=True, eq=False)
class FittedIHVP:
    """A prepared inverse; ``damping`` is the value used, ``fingerprint`` the problem it belongs to.

    ``notes`` say why it is not the Hessian's own, where :func:`wherefrom.recommended` had to choose another.
    """

    settings: IHVP
    fingerprint: str
    operator: Operator
    inverse: Inverse
    damping: float | Tensor  # a column (d, 1) where each layer has its own
    curve: DampingCurve | None = None  # of damping="auto"
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """The settings and the problem; never the numbers, which would fill every record of a run."""
        return f"FittedIHVP({self.settings!r}, problem {self.fingerprint[:12]})"

    def fit(self, problem: Problem) -> "FittedIHVP":
        """Itself, for the problem it was fitted on; another is refused."""
        if problem.fingerprint() != self.fingerprint:
            raise UsageError("This IHVP was fitted on other weights, data or another objective; fit its settings again: ihvp.settings.fit(problem).")
        return self

    def refitted(self, problem: Problem) -> "FittedIHVP":
        """The same curvature, solver and value of the damping on other data; a curvature from outside is refused."""
        operator = as_curvature(self.settings.curvature).refit(problem)
        return replace(self, fingerprint=problem.fingerprint(), operator=operator, inverse=self.settings.solver.fit(operator, self.damping))

    def work(self, problem: Problem) -> tuple[str, int]:
        """What solving takes beside what is fitted already: not counted."""
        return "", 0

    def account(self) -> str:
        """What scoring approximates, in words, with the measured error."""
        with torch.no_grad():
            return self.inverse.account()

    def save(self, path: str | Path) -> Path:
        """Factors, eigenbases and settings to one safetensors file, with what they were fitted on; :meth:`IHVP.load` reads it.

        Raises :class:`UsageError` for a curvature or solver from outside.
        """
        tensors = {"damping": torch.as_tensor(self.damping, dtype=torch.float64 if isinstance(self.damping, float) else None)}
        tensors |= beneath("curvature", self.operator.tensors()) | beneath("solver", self.inverse.tensors())
        curve = None if self.curve is None else (self.curve.multiples, self.curve.criterion, self.curve.agreement)
        return write_tensors(path, KIND, tensors, {**self.settings._manifest(self.operator.problem), "curve": curve, "notes": self.notes})

    def solve(self, rows: Rows) -> Solution:
        """(C + damping I)⁻¹ of each row, with how it went; x is (d, k). Raises :class:`UsageError` where that overflows."""
        solution = self.inverse.solve(rows.flat().T.contiguous())
        if not all_finite(solution.x):
            raise UsageError("The curvature is so small that solutions overflow; give a larger damping, or take the problem in float64.")
        return solution

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
