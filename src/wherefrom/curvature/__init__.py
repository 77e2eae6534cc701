"""Symmetric maps on parameter space: what the risk looks like around the trained parameters."""

from wherefrom.curvature.block_diagonal import BlockDiagonal, Blocks
from wherefrom.curvature.diagonal import Diagonal, Identity
from wherefrom.curvature.gauss_newton import EmpiricalFisher, Fisher, GaussNewton
from wherefrom.curvature.hessian import Hessian
from wherefrom.curvature.kronecker import EKFAC, KFAC
from wherefrom.curvature.layerwise import BlockEigen
from wherefrom.curvature.operator import Curvature, External, ExternalCurvature, Matrix, Operator, as_curvature

__all__ = [
    "EKFAC", "KFAC", "BlockDiagonal", "BlockEigen", "Blocks", "Curvature", "Diagonal", "EmpiricalFisher", "External", "ExternalCurvature", "Fisher",
    "GaussNewton", "Hessian", "Identity", "Matrix", "Operator", "as_curvature",
]  # fmt: skip
