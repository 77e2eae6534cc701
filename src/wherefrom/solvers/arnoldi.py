"""Arnoldi's iteration (Schioppa et al. 2022) in its symmetric form, Lanczos: the curvature by its largest eigenvalues alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.curvature.inverse import Inverse, Solution, relative_residual
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.solvers.solver import Solver


@dataclass(frozen=True)
class Arnoldi(Solver):
    """x = Σⱼ eⱼ (eⱼᵀv) / (λⱼ + damping) over the ``rank`` largest positive eigenvalues found in a Krylov space of ``iterations`` dimensions.

    Each iteration is a product with the curvature, made orthogonal twice to all before. Everything is then projected onto the eigenvectors
    eⱼ: n training examples cost ``rank`` inner products each, which makes self-influence cheap. What is left out: by default the rest of the
    space, where x is 0, though it carries much of what leaving an example out does; with ``complement="damping"`` it is taken as flat, x = v /
    damping there. Negative eigenvalues count among what is left out. ``rank=None`` keeps every positive one. ``details`` tell the eigenvalues
    kept, the least of them, the negative ones dropped and the share of ‖v‖² inside the space. Raises :class:`UsageError` where no eigenvalue is
    positive.
    """

    iterations: int = 200
    rank: int | None = None
    complement: Literal["damping"] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.iterations < 1 or (self.rank is not None and self.rank < 1):
            raise UsageError(f"Arnoldi(iterations={self.iterations}, rank={self.rank}) keeps nothing; give 1 or more of both.")
        if self.complement not in (None, "damping"):
            raise UsageError(f"complement={self.complement!r} is unknown; give None or 'damping'.")

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """The iterations, and the eigenvectors in their space."""
        if isinstance(damping, Tensor):
            raise UsageError("Arnoldi needs one damping for all layers; give damping= a number.")
        if self.complement and not damping > 0:
            raise UsageError("complement='damping' divides by the damping, which is 0 here; give damping= a number above 0.")
        with torch.no_grad():
            values, vectors = eigenpairs(operator, self.iterations, self.seed)
        kept = (values > torch.finfo(values.dtype).eps * values.abs().max()).nonzero()[:, 0][: self.rank]
        if not len(kept):
            raise UsageError(f"None of the {len(values)} eigenvalues that Arnoldi found is positive; use GaussNewton().")
        return self._truncated(operator, damping, values[kept], vectors[:, kept], int((values < 0).sum()))

    def prepared(self, operator: Operator, damping: float | Tensor, tensors: Mapping[str, Tensor]) -> Inverse:
        values, vectors = (tensors[name].to(operator.problem.device) for name in ("values", "vectors"))
        return self._truncated(operator, float(damping), values, vectors, int(tensors["negative"]))

    def _truncated(self, operator: Operator, damping: float, values: Tensor, vectors: Tensor, negative: int) -> "Truncated":
        return Truncated(operator, damping, values, vectors, self.complement is not None, min(self.iterations, operator.size), negative)

    def work(self, problem: Problem) -> tuple[str, int]:
        """The products, and the basis of their space."""
        steps = min(self.iterations, problem.size)
        return f"{steps:,} products with the curvature", 2 * steps * problem.size * problem.dtype.itemsize


def eigenpairs(operator: Operator, iterations: int, seed: int) -> tuple[Tensor, Tensor]:
    """Ritz values, the largest first, and vectors (d, m) of the Krylov space of a random start."""
    basis, matrix = krylov(operator, min(iterations, operator.size), seed)
    values, turned = torch.linalg.eigh(matrix)
    order = values.argsort(descending=True)
    return values[order].to(basis.dtype), (basis.T @ turned[:, order].to(basis.dtype))


def krylov(operator: Operator, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """An orthonormal basis of the space in rows (m, d), and the operator in it, tridiagonal, in float64.

    A space that is closed early goes on from another random direction, so that no eigenvalue is missed.
    """
    generator = torch.Generator().manual_seed(seed)
    like = operator.problem.l2
    basis = like.new_empty(steps, operator.size)
    matrix = torch.zeros(steps, steps, dtype=torch.float64)
    basis[0] = _fresh(basis[:0], generator)
    for step in track(range(steps), "Arnoldi", steps):
        found = operator @ basis[step]
        before = basis[: step + 1]
        first = before @ found
        size = float(found.norm())
        found = found - before.T @ first
        found = found - before.T @ (before @ found)
        matrix[step, step] = float(first[step])
        if step + 1 == steps:
            break
        length = float(found.norm())
        if not length < float("inf"):
            raise UsageError("The curvature gives products that are not finite; look for outputs or inputs that overflow.")
        if length > 100 * torch.finfo(basis.dtype).eps * size:
            basis[step + 1] = found / length
            matrix[step, step + 1] = matrix[step + 1, step] = length
        else:
            basis[step + 1] = _fresh(before, generator)
    return basis, matrix


def _fresh(before: Tensor, generator: torch.Generator) -> Tensor:
    """A random unit vector, orthogonal to all before."""
    found = torch.randn(before.shape[1], generator=generator, dtype=torch.float64).to(before)
    for _ in range(3):
        found = found - before.T @ (before @ found)
        found = found / found.norm()
    return found


@dataclass(frozen=True, eq=False)
class Truncated(Inverse):
    """E (Λ + damping)⁻¹ Eᵀ, and 1/damping on the rest of the space where that is kept."""

    operator: Operator
    damping: float
    values: Tensor  # (r,)
    vectors: Tensor  # (d, r)
    complement: bool
    iterations: int
    negative: int

    def tensors(self) -> dict[str, Tensor]:
        return {"values": self.values, "vectors": self.vectors, "negative": torch.tensor(self.negative)}

    def solve(self, vectors: Tensor) -> Solution:
        inside = self.vectors.T @ vectors
        x = self.vectors @ (self._weights()[:, None] * inside)
        if self.complement:
            x = x + vectors / self.damping
        residual = relative_residual(vectors - self.operator @ x - self.damping * x, vectors)
        kept = {"eigenvalues kept": len(self.values), "least kept": float(self.values[-1]), "negative ones dropped": self.negative}
        share = float(inside.square().sum() / vectors.square().sum().clamp_min(torch.finfo(vectors.dtype).tiny))
        return Solution(x, self.iterations, residual, True, {**kept, "share of the squared length kept": share})

    def apply(self, rows: Rows) -> Rows:
        inside = self._inside(rows)
        found = (self.vectors @ (self._weights()[:, None] * inside.T)).T
        return rows.layout.rows(found + rows.flat() / self.damping if self.complement else found)

    def against(self, rows: Rows, count: int) -> Callable[[Rows], Tensor]:
        if len(rows) <= len(self.values):
            return self.apply(rows).dot
        inside = self._inside(rows) * self._weights()

        def score(others: Rows) -> Tensor:
            found = inside @ self._inside(others).T
            return found + rows.dot(others) / self.damping if self.complement else found

        return score

    def quadratic(self, rows: Rows, power: int) -> Tensor:
        inside = self._inside(rows).square()
        if not self.complement:
            return inside @ (1 / (self.values + self.damping)) ** power
        rest = (rows.squared_norms() - inside.sum(1)).clamp_min(0)
        return inside @ (1 / (self.values + self.damping)) ** power + rest / self.damping**power

    def _inside(self, rows: Rows) -> Tensor:
        """Rows in the eigenbasis (k, r)."""
        return self._eigenvectors.dot(rows).T

    @cached_property
    def _eigenvectors(self) -> Rows:
        return Gradients(self.operator.problem).layout.rows(self.vectors.T)

    def _weights(self) -> Tensor:
        """What each eigenvector's part is multiplied with (r,), beside what the whole space is."""
        return 1 / (self.values + self.damping) - (1 / self.damping if self.complement else 0)
