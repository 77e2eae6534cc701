"""LiSSA (Agarwal, Bullins & Hazan 2017; Koh & Liang 2017): the Neumann series of the inverse, by products on samples of the data."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature import Operator
from wherefrom.curvature.inverse import Inverse, Solution, relative_residual
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.solvers.solver import Solver, SolverWarning

TRIED = 32  # samples whose largest eigenvalues are looked at for the scale
STEPS = 12  # of each power iteration
LOOK = 50  # steps between two looks at the size of the iterate


@dataclass(frozen=True)
class LiSSA(Solver):
    """h ← v + h - (Ĉ + damping I) h / s from h = v, ``depth`` times, Ĉ the curvature on ``batch_size`` examples drawn anew; x = h / s.

    x is the mean over ``repeats`` runs, all right-hand sides at once. The fixed point is (C + damping I)⁻¹ v whatever the scale s. Stopping
    after J steps acts like a further damping of about s / J, which the solution's ``details`` tell, with the scale and, for several repeats, the
    relative standard error. ``batch_size=None`` takes all examples. ``scale=None`` finds s by power iteration on the whole curvature and on 32
    samples; s must be above half the largest eigenvalue of every sample. Curvatures that are no mean over examples are taken whole.
    Raises :class:`UsageError` where h grows faster than it can when every sample's eigenvalues lie between 0 and 2 s; warns where x is further
    from solving the equation than 0 is.
    """

    depth: int = 1000
    repeats: int = 1
    batch_size: int | None = None
    seed: int = 0
    scale: float | None = None

    def __post_init__(self) -> None:
        for name in ("depth", "repeats", "batch_size", "scale"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"LiSSA({name}={value}) makes no step; give a positive number.")

    def prepare(self, operator: Operator, damping: float | Tensor) -> Inverse:
        """Find the scale."""
        sampling = Sampling(operator, self.batch_size, self.seed)
        scale = self.scale or _scale(operator, sampling) + float(torch.as_tensor(damping).max())
        if not torch.finfo(operator.problem.dtype).tiny < scale < float("inf"):
            raise UsageError(
                f"The curvature that LiSSA found is {scale:.2g} at most, so no scale follows from it; "
                "give a larger damping, or look for outputs that overflow."
            )
        return Neumann(self, operator, damping, scale)

    def work(self, problem: Problem) -> tuple[str, int]:
        """Products with the curvature on samples."""
        size = min(len(problem), self.batch_size or len(problem))
        return f"{self.repeats * self.depth:,} products with the curvature of {size:,} examples", 4 * problem.size * problem.dtype.itemsize


class Sampling:
    """Estimates of an operator from samples of the training data, each independent of the others."""

    def __init__(self, operator: Operator, size: int | None, seed: int) -> None:
        self.operator, self.count = operator, len(operator.problem)
        self.size = min(size or self.count, self.count)
        self.generator = np.random.default_rng(seed)

    def draw(self) -> Operator:
        """The next one."""
        if self.size == self.count:
            return self.operator
        return self.operator.on(self.generator.choice(self.count, self.size, replace=False, shuffle=False))


@dataclass(frozen=True, eq=False)
class Neumann(Inverse):
    """(C + damping I)⁻¹ as Σⱼ (I - (C + damping I)/s)ʲ / s."""

    settings: LiSSA
    operator: Operator
    damping: float | Tensor
    scale: float

    def solve(self, vectors: Tensor) -> Solution:
        runs = [self._run(vectors, repeat) for repeat in range(self.settings.repeats)]
        x = torch.stack(runs).mean(0)
        residual = relative_residual(vectors - self.operator @ x - self.damping * x, vectors)
        details = {"scale": self.scale, "damping of stopping early": self.scale / self.settings.depth}
        if len(runs) > 1:
            spread = torch.stack(runs).var(0).sum(0).sqrt() / len(runs) ** 0.5
            sizes = x.norm(dim=0)
            details["relative standard error"] = float((spread / sizes.where(sizes > 0, sizes.new_ones(()))).max())
        converged = bool((residual < 1).all())
        if not converged:
            warnings.warn(
                f"LiSSA's solution leaves a relative residual of {float(residual.max()):.2g}, no better than 0; "
                "use more repeats, a larger batch_size, a greater depth or damping.",
                SolverWarning,
                stacklevel=2,
            )
        return Solution(x, self.settings.depth, residual, converged, details)

    def _run(self, vectors: Tensor, repeat: int) -> Tensor:
        sampling = Sampling(self.operator, self.settings.batch_size, self.settings.seed + 1 + repeat)
        found, most = vectors, vectors.norm(dim=0)
        kept = torch.as_tensor(1 - self.damping / self.scale, dtype=vectors.dtype, device=vectors.device)
        for step in track(range(self.settings.depth), f"LiSSA, run {repeat + 1} of {self.settings.repeats}", self.settings.depth):
            product = sampling.draw() @ found
            found = torch.addcmul(vectors, found, kept).sub_(product, alpha=1 / self.scale)
            if step % LOOK == 0 or step == self.settings.depth - 1:
                grown = found.norm(dim=0)
                if not bool((grown <= 2 * (step + 2) * most).all()):
                    fix = "" if self.operator.semidefinite else "GaussNewton(), "
                    raise UsageError(
                        f"LiSSA diverges at step {step} with scale {self.scale:.3g}: some sample of the curvature has an eigenvalue below 0 or above "
                        f"twice that; use {fix}a larger damping, scale= or batch_size=."
                    )
        return found / self.scale


def _scale(operator: Operator, sampling: Sampling) -> float:
    """The largest eigenvalue of the operator and of some samples, by power iteration from a fixed start."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(operator.size, 4, generator=generator, dtype=torch.float64).to(operator.problem.l2)
    samples = [] if sampling.size == sampling.count else [sampling.draw() for _ in range(TRIED)]
    largest = 0.0
    for matrix in track([operator, *samples], "LiSSA's scale", 1 + len(samples)):
        basis = start
        for _ in range(STEPS):
            basis = torch.linalg.qr(matrix @ basis)[0]
        largest = max(largest, float(torch.linalg.eigvalsh(basis.T @ (matrix @ basis)).abs().max()))
    return largest
