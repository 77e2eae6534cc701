"""What a solver is: settings that, given a curvature and a damping, give its inverse."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.curvature.inverse import Inverse
from wherefrom.errors import ScoreWarning
from wherefrom.problem import Problem


class SolverWarning(ScoreWarning):
    """A solve that did not reach its tolerance; the message says by how much and what to try."""


class Solver(ABC):
    """Settings of a solver; :meth:`fit` does what can be done once for all right-hand sides."""

    def fit(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Prepare (C + damping I)⁻¹, of each group of a block-diagonal curvature on its own."""
        return self.restore(operator, damping, {})

    def restore(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        """Prepare the same from saved tensors, where there are any."""
        return operator.inverse(damping, self._inverse, tensors)

    def _inverse(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        return self.prepared(operator, damping, tensors) if tensors else self.prepare(operator, damping)

    @abstractmethod
    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """(C + damping I)⁻¹ of one operator; damping may be a column (d, 1)."""

    def prepared(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        """What :meth:`prepare` gave, from the tensors that it found."""
        return self.prepare(operator, damping)

    @abstractmethod
    def work(self, problem: Problem) -> tuple[str, int]:
        """What fitting and solving take, in words, and the bytes held."""


def remedy(operator: Operator) -> str:
    """What to do about a matrix that is not positive definite: rounding alone brings one about that is semi-definite by construction."""
    return f"use {'' if operator.semidefinite else 'GaussNewton(), '}a larger damping, or l2 on every parameter"
