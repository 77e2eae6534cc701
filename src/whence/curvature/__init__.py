"""Symmetric maps on parameter space: what the risk looks like around the trained parameters."""

from whence.curvature.block_diagonal import BlockDiagonal, Blocks
from whence.curvature.block_eigen import BlockEigen
from whence.curvature.diagonal import Diagonal, Identity
from whence.curvature.gauss_newton import EmpiricalFisher, Fisher, GaussNewton
from whence.curvature.hessian import Hessian
from whence.curvature.kronecker import EKFAC, KFAC
from whence.curvature.operator import Curvature, External, Operator

__all__ = [
    "EKFAC", "KFAC", "BlockDiagonal", "BlockEigen", "Blocks", "Curvature", "Diagonal", "EmpiricalFisher", "External", "Fisher", "GaussNewton",
    "Hessian", "Identity", "Operator",
]  # fmt: skip
