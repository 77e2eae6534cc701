"""Solvers of (curvature + damping I) x = v, and the pair of a curvature and a solver that every method shares."""

from whence.solvers.absolute import Absolute
from whence.solvers.arnoldi import Arnoldi
from whence.solvers.cg import CG
from whence.solvers.damping import DampingCurve
from whence.solvers.eigen import Eigen
from whence.solvers.exact import Exact
from whence.solvers.ihvp import IHVP, FittedIHVP
from whence.solvers.lissa import LiSSA
from whence.solvers.solver import Inverse, Solution, Solver, SolverWarning

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
    "Solution",
    "Solver",
    "SolverWarning",
]
