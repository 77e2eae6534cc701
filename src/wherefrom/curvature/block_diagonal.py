"""A curvature of groups of parameters, each on its own: what lies between the groups is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.gauss_newton import GaussNewton
from wherefrom.curvature.inverse import Inverse, Solution
from wherefrom.curvature.operator import Curvature, Operator, Prepare
from wherefrom.errors import UsageError, nearest
from wherefrom.problem import Problem
from wherefrom.store import UnfinishedFit, beneath, under


@dataclass(frozen=True)
class BlockDiagonal(Curvature):
    """⊕ C_b over groups b of parameters, C_b the whole of another curvature within its group.

    ``blocks`` are name patterns, or tuples of them, one for each group, such as ``(("0.*", "2.*"), "4.*")``; together they name every chosen
    parameter once. Default: a group for each layer. Solvers take each group on its own, so that :class:`wherefrom.Exact` needs the squares of the
    groups' sizes instead of the square of them all. Raises :class:`UsageError` for a parameter that no pattern or more than one matches.
    """

    of: Curvature = GaussNewton()
    blocks: tuple[str | tuple[str, ...], ...] | None = None

    def fit(self, problem: Problem, resume: UnfinishedFit | None = None) -> "Blocks":
        """The operator at the problem's parameters."""
        return Blocks(problem, tuple(self.of.fit(part) for part in self._parts(problem)))

    def restore(self, problem: Problem, tensors: Mapping[str, Tensor]) -> "Blocks":
        parts = enumerate(self._parts(problem))
        return Blocks(problem, tuple(self.of.restore(part, under(str(number), tensors)) for number, part in parts))

    def _parts(self, problem: Problem) -> list[Problem]:
        """The problem of each group."""
        layers = [name.rpartition(".")[0] for name in problem.names]
        groups = _grouped(problem.names, self.blocks) if self.blocks is not None else [layers.index(layer) for layer in layers]
        numbers = list(dict.fromkeys(groups))
        members = [[name for name, group in zip(problem.names, groups, strict=True) if group == number] for number in numbers]
        return [problem.restricted(names) for names in members]


class Blocks(Operator):
    """Operators of disjoint groups of parameters, side by side."""

    def __init__(self, problem: Problem, parts: tuple[Operator, ...]) -> None:
        self.problem, self.parts = problem, parts
        self.semidefinite = all(part.semidefinite for part in parts)
        places = problem.unflatten(torch.arange(problem.size))
        self.places = [part.problem.flatten(places) for part in parts]

    def apply(self, vectors: Tensor) -> Tensor:
        return self.joined([part.apply(vectors[places]) for part, places in zip(self.parts, self.places, strict=True)])

    def joined(self, pieces: Sequence[Tensor]) -> Tensor:
        """The (d, k) whose rows in each group are these."""
        found = pieces[0].new_empty(self.size, pieces[0].shape[1])
        for piece, places in zip(pieces, self.places, strict=True):
            found[places] = piece
        return found

    def on(self, positions: np.ndarray) -> "Blocks":
        parts = tuple(part.on(positions) for part in self.parts)
        return self if all(some is part for some, part in zip(parts, self.parts, strict=True)) else Blocks(self.problem, parts)

    def tensors(self) -> dict[str, Tensor]:
        return {name: value for number, part in enumerate(self.parts) for name, value in beneath(str(number), part.tensors()).items()}

    def dense(self) -> Tensor:
        matrix = self.problem.l2.new_zeros(self.size, self.size)
        for part, places in zip(self.parts, self.places, strict=True):
            matrix[places[:, None], places] = part.dense()
        return matrix

    def mean_eigenvalue(self) -> float:
        return sum(part.mean_eigenvalue() * part.size for part in self.parts) / self.size

    def inverse(self, damping: float | Tensor, prepare: Prepare, tensors: Mapping[str, Tensor]) -> Inverse:
        own = [damping[places] if isinstance(damping, Tensor) else damping for places in self.places]
        parts = enumerate(zip(self.parts, own, strict=True))
        return Blockwise(self, tuple(part.inverse(its, prepare, under(str(number), tensors)) for number, (part, its) in parts))

    def default_damping(self) -> float | Tensor:
        """0 where no eigenvalue can be 0 or below, otherwise each group's own, as a column (d, 1)."""
        if self.positive_definite:
            return 0.0
        ones = [self.problem.l2.new_ones(part.size, 1) for part in self.parts]
        return self.joined([part.default_damping() * one for part, one in zip(self.parts, ones, strict=True)])


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


def _grouped(names: tuple[str, ...], blocks: tuple[str | tuple[str, ...], ...]) -> list[int]:
    """The group of each parameter."""
    groups = []
    patterns = [(block,) if isinstance(block, str) else block for block in blocks]
    for pattern in (pattern for group in patterns for pattern in group):
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(f"The block {pattern!r} matches no chosen parameter.{nearest(pattern, names)}")
    for name in names:
        found = [number for number, group in enumerate(patterns) if any(fnmatchcase(name, pattern) for pattern in group)]
        if len(found) != 1:
            raise UsageError(f"Parameter {name!r} is in {len(found)} blocks; name each chosen parameter in exactly one.")
        groups += found
    return groups
