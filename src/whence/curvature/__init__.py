"""Symmetric maps on parameter space: what the risk looks like around the trained parameters."""

from whence.curvature.gauss_newton import GaussNewton
from whence.curvature.hessian import Hessian
from whence.curvature.operator import Curvature, External, Operator

__all__ = ["Curvature", "External", "GaussNewton", "Hessian", "Operator"]
