"""Solvers of (curvature + damping I) x = v, and the pair of a curvature and a solver that every method shares."""

from wherefrom.curvature.inverse import Inverse, Solution
from wherefrom.errors import NotPositiveDefinite
from wherefrom.solvers.absolute import Absolute
from wherefrom.solvers.arnoldi import Arnoldi
from wherefrom.solvers.cg import CG
from wherefrom.solvers.damping import DampingCurve
from wherefrom.solvers.eigen import Eigen
from wherefrom.solvers.exact import Exact
from wherefrom.solvers.ihvp import IHVP, FittedIHVP
from wherefrom.solvers.lissa import LiSSA
from wherefrom.solvers.recommended import recommended
from wherefrom.solvers.solver import Solver, SolverWarning

__all__ = [
    "CG",
    "IHVP",
    "Absolute",
    "Arnoldi",
    "DampingCurve",
    "Eigen",
    "Exact",
    "FittedIHVP",
    "Inverse",
    "LiSSA",
    "NotPositiveDefinite",
    "Solution",
    "Solver",
    "SolverWarning",
    "recommended",
]
