"""What the inverse of a damped curvature is, and an account of how a solve went."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from wherefrom.gradients import Rows


@dataclass(frozen=True, eq=False)
class Solution:
    """x (d, k) of (C + damping I) x = v, and how it was reached: relative residual ‖v - (C + damping I)x‖ / ‖v‖ of each column, or of the first few.

    ``details`` are a solver's own figures by name, such as the scale that LiSSA found.
    """

    x: Tensor
    iterations: int
    residual: Tensor
    converged: bool
    details: Mapping[str, float] = field(default_factory=dict)


class Inverse(ABC):
    """A prepared (C + damping I)⁻¹."""

    @abstractmethod
    def solve(self, vectors: Tensor) -> Solution:
        """The solution for each column of ``vectors`` (d, k)."""

    def tensors(self) -> dict[str, Tensor]:
        """What preparing found, to be saved; nothing where preparing is as quick as reading."""
        return {}

    def account(self) -> str:
        """What scoring will approximate, in words; nothing where it does not."""
        return ""

    def apply(self, rows: Rows) -> Rows:
        """The solution for each row, as rows."""
        return rows.layout.rows(self.solve(rows.flat().T.contiguous()).x.T)

    def against(self, rows: Rows, count: int) -> Callable[[Rows], Tensor]:
        """What gives the products of the solutions for ``rows`` with other rows, ``count`` of them in all."""
        return self.apply(rows).dot

    def quadratic(self, rows: Rows, power: int) -> Tensor:
        """vᵀx of each row v and its solution x (k,), or with power 2 the squared length of x."""
        solved = self.apply(rows)
        return solved.paired(rows) if power == 1 else solved.squared_norms()


def relative_residual(left: Tensor, vectors: Tensor) -> Tensor:
    """‖left‖ / ‖v‖ of each column, 0 where v is 0."""
    sizes = vectors.norm(dim=0)
    return left.norm(dim=0) / sizes.where(sizes > 0, sizes.new_ones(()))
