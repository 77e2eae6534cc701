"""The inverse of a curvature that carries its eigenbasis."""

from dataclasses import dataclass

from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.curvature.inverse import Inverse
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.solvers.solver import Solver


@dataclass(frozen=True)
class Eigen(Solver):
    """Q (Λ + damping)⁻¹ Qᵀ for curvatures that are known by their eigenvalues, such as K-FAC and EK-FAC.

    Layers that see one position of each example are scored without ever being written out, where that is cheaper: 1/(Λ + damping) is held as a
    sum of outer products, as many as bring its error, weighed by the gradients' energy, to ``tolerance``; 0 keeps every score exact.
    """

    tolerance: float = 0.005

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Turn the eigenvalues over."""
        inverse = operator.own_inverse(damping, self.tolerance)
        if inverse is None:
            raise UsageError(f"{type(operator).__name__} does not carry its eigenvalues, as KFAC() and EKFAC() do; use Exact() or CG().")
        return inverse

    def work(self, problem: Problem) -> tuple[str, int]:
        """Nothing beyond the curvature's own."""
        return "the curvature's passes and eigenvectors", problem.size * problem.dtype.itemsize
