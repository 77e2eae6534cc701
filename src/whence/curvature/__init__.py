"""Symmetric maps on parameter space: what the risk looks like around the trained parameters."""

from whence.curvature.gauss_newton import EmpiricalFisher, Fisher, GaussNewton
from whence.curvature.hessian import Hessian
from whence.curvature.kronecker import EKFAC, KFAC, BlockEigen
from whence.curvature.operator import Curvature, External, Operator

__all__ = ["EKFAC", "KFAC", "BlockEigen", "Curvature", "EmpiricalFisher", "External", "Fisher", "GaussNewton", "Hessian", "Operator"]
