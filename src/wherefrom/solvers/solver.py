"""What a solver is: settings that, given a curvature and a damping, give its inverse, and an account of how a solve went."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wherefrom.curvature import Blocks, Operator
from wherefrom.gradients import Rows
from wherefrom.problem import Problem
from wherefrom.store import beneath, under


class SolverWarning(UserWarning):
    """A solve that did not reach its tolerance; the message says by how much and what to try."""


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


@dataclass(frozen=True, eq=False)
class Blockwise(Inverse):
    """The inverse of a block-diagonal curvature: each group's own."""

    operator: Blocks
    parts: tuple[Inverse, ...]

    def tensors(self) -> dict[str, Tensor]:
        return {name: value for number, part in enumerate(self.parts) for name, value in beneath(str(number), part.tensors()).items()}

    def solve(self, vectors: Tensor) -> Solution:
        pieces = [vectors[places] for places in self.operator.places]
        found = [part.solve(piece) for part, piece in zip(self.parts, pieces, strict=True)]
        told = min(len(solution.residual) for solution in found)  # some solvers look at a few columns alone
        left = torch.stack([solution.residual[:told] * piece[:, :told].norm(dim=0) for solution, piece in zip(found, pieces, strict=True)])
        sizes = vectors[:, :told].norm(dim=0)
        residual = left.norm(dim=0) / sizes.where(sizes > 0, sizes.new_ones(()))
        x = self.operator.joined([solution.x for solution in found])
        details = {f"{name}, group {number}": value for number, solution in enumerate(found) for name, value in solution.details.items()}
        return Solution(x, max(solution.iterations for solution in found), residual, all(solution.converged for solution in found), details)


class Solver(ABC):
    """Settings of a solver; :meth:`fit` does what can be done once for all right-hand sides."""

    def fit(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Prepare (C + damping I)⁻¹; the groups of a block-diagonal curvature each on its own."""
        if not isinstance(operator, Blocks):
            return self.prepare(operator, damping)
        return Blockwise(operator, tuple(self.fit(part, own) for part, own in _apart(operator, damping)))

    def restore(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        """The same from saved tensors."""
        if not isinstance(operator, Blocks):
            return self.prepared(operator, damping, tensors) if tensors else self.prepare(operator, damping)
        parts = enumerate(_apart(operator, damping))
        return Blockwise(operator, tuple(self.restore(part, own, under(str(number), tensors)) for number, (part, own) in parts))

    @abstractmethod
    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """(C + damping I)⁻¹ of one operator; damping may be a column (d, 1)."""

    def prepared(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        """What :meth:`prepare` gave, from the tensors that it found."""
        return self.prepare(operator, damping)

    @abstractmethod
    def work(self, problem: Problem) -> tuple[str, int]:
        """What fitting and solving take, in words, and the bytes held."""


def _apart(operator: Blocks, damping: float | Tensor) -> list[tuple[Operator, float | Tensor]]:
    """Each group's operator and damping."""
    own = [damping[places] if isinstance(damping, Tensor) else damping for places in operator.places]
    return list(zip(operator.parts, own, strict=True))


def remedy(operator: Operator) -> str:
    """What to do about a matrix that is not positive definite: rounding alone brings one about that is semi-definite by construction."""
    return f"use {'' if operator.semidefinite else 'GaussNewton(), '}a larger damping, or l2 on every parameter"


def relative_residual(left: Tensor, vectors: Tensor) -> Tensor:
    """‖left‖ / ‖v‖ of each column, 0 where v is 0."""
    sizes = vectors.norm(dim=0)
    return left.norm(dim=0) / sizes.where(sizes > 0, sizes.new_ones(()))
