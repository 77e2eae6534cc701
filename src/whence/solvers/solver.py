"""What a solver is: settings that, given a curvature and a damping, give its inverse, and an account of how a solve went."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from whence.curvature import Operator
from whence.problem import Problem


class SolverWarning(UserWarning):
    """A solve that did not reach its tolerance; the message says by how much and what to try."""


@dataclass(frozen=True, eq=False)
class Solution:
    """x (d, k) of (C + damping I) x = v, and how it was reached: relative residual ‖v - (C + damping I)x‖ / ‖v‖ of each column."""

    x: Tensor
    iterations: int
    residual: Tensor
    converged: bool


class Inverse(ABC):
    """A prepared (C + damping I)⁻¹."""

    @abstractmethod
    def solve(self, vectors: Tensor) -> Solution:
        """The solution for each column of ``vectors`` (d, k)."""


class Solver(ABC):
    """Settings of a solver; :meth:`fit` does what can be done once for all right-hand sides."""

    @abstractmethod
    def fit(self, operator: Operator, damping: float) -> Inverse: ...

    @abstractmethod
    def work(self, problem: Problem) -> tuple[str, int]:
        """What fitting and solving take, in words, and the bytes held."""


def relative_residual(left: Tensor, vectors: Tensor) -> Tensor:
    """‖left‖ / ‖v‖ of each column, 0 where v is 0."""
    sizes = vectors.norm(dim=0)
    return left.norm(dim=0) / sizes.where(sizes > 0, sizes.new_ones(()))
