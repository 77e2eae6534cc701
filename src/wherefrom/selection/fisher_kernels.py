"""Fisher kernels with sequential Bayesian quadrature (Khanna, Kim, Ghosh & Koyejo 2019): a few examples that together stand for some predictions."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.examples import Queries
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.rows import summed
from wherefrom.gradients.signed import signed_measurements
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.selection.greedy import first_best
from wherefrom.solvers import IHVP, FittedIHVP


@dataclass(frozen=True, eq=False)
class FisherSelection:
    """``ids`` (m,) in order of choice, the ``objective`` (m,) after each, and the ``weights`` (m,) with which they stand for the queries.

    ``ceiling`` bounds the objective of any selection: objective / ceiling is the share of the queries' gradient that is explained.
    """

    ids: np.ndarray
    objective: Tensor
    weights: Tensor
    ceiling: float


def fisher_kernel_select(ihvp: IHVP | FittedIHVP, problem: Problem, queries: Queries, m: int, *, progress: bool = True) -> FisherSelection:
    """Choose m examples S that maximise z_Sᵀ K_SS⁻¹ z_S, one after the other, and weigh them by K_SS⁻¹ z_S.

    K_ij = gᵢᵀ H⁻¹ gⱼ is the Fisher kernel, H = C + damping I, and zᵢ = gᵢᵀ H⁻¹ m̄ with m̄ the mean over queries of ∇m_q, turned round where higher is
    better. Σ_{i∈S} weightᵢ gᵢ is then the nearest to m̄ that S can come, in the norm of H⁻¹; the objective is the square of its length there, rises
    with each choice, and ends at ``ceiling`` = m̄ᵀ H⁻¹ m̄ where the gradients span m̄. The first choice is the largest |RelatIF(variant="l")| of all
    queries together; later ones count only what the earlier ones leave, so near copies are not chosen twice. Positive weight = proponent.
    Each choice takes a solve and a pass of products with all gradients, which are kept where half of the memory budget holds them. Ties are broken by
    position. Raises :class:`UsageError` where fewer than m gradients are independent of each other, and where H is not positive definite.
    """
    if not 1 <= m <= len(problem):
        raise UsageError(f"m={m} of {len(problem)} examples cannot be chosen; give 1 to {len(problem)}.")
    with torch.no_grad():
        kernel = FisherKernel.of(ihvp.fit(problem), problem, queries, progress)
        steps = track(range(m), "choosing examples", m, progress)
        places, objective, weights = quadrature(kernel.toward, kernel.diagonal, kernel.column, steps, torch.finfo(problem.dtype).eps)
    return FisherSelection(problem.ids[places], objective.cpu(), weights.cpu(), kernel.ceiling)


@dataclass(frozen=True, eq=False)
class FisherKernel:
    """zᵢ (n,) = ``toward`` the queries, K_ii (n,) = ``diagonal``, and any column of K; in float64."""

    problem: Problem
    ihvp: FittedIHVP
    gradients: Gradients
    toward: Tensor
    diagonal: Tensor
    ceiling: float
    kept: tuple[tuple[Tensor, Rows], ...] | None  # (places, gradients) of all batches

    @classmethod
    def of(cls, ihvp: FittedIHVP, problem: Problem, queries: Queries, progress: bool) -> "FisherKernel":
        """One pass over the training data."""
        gradients, asked = Gradients(problem), problem.examples(queries)
        mean = summed(signed_measurements(gradients, batch) for batch in problem.batches(asked, size=gradients.size))
        mean = mean.scale(torch.full((1,), 1 / len(asked), dtype=problem.dtype, device=problem.device))
        products = ihvp.against(mean, len(problem))
        toward, diagonal = torch.zeros(2, len(problem), dtype=torch.float64, device=problem.device)
        kept, room = [], problem.budget // 2
        total = -(-len(problem) // gradients.size)
        for places, rows in track(_passed(gradients), "gradients of training examples", total, progress):
            toward[places], diagonal[places] = products(rows)[0].double(), ihvp.quadratic(rows).double()
            room -= _bytes(rows, problem)
            if room >= 0:
                kept.append((places, rows))
            else:
                kept.clear()
        _check(toward, diagonal, problem)
        return cls(problem, ihvp, gradients, toward, diagonal, float(ihvp.quadratic(mean)[0]), tuple(kept) if room >= 0 else None)

    def column(self, place: int) -> Tensor:
        """K_ij for one j and all i (n,)."""
        alone = self.gradients.losses(next(self.problem.batches(self.problem.train.take(np.array([place])))))
        solved, found = self.ihvp.apply(alone), torch.zeros_like(self.toward)
        for places, rows in _passed(self.gradients) if self.kept is None else self.kept:
            found[places] = solved.dot(rows)[0].double()
        return found


def quadrature(
    z: Tensor, diagonal: Tensor, column: Callable[[int], Tensor], steps: Iterable[int], rounding: float
) -> tuple[list[int], Tensor, Tensor]:
    """Greedy maximisation of z_Sᵀ K_SS⁻¹ z_S by a Cholesky factor that grows with S: places, the objective after each, and K_SS⁻¹ z_S.

    ``left`` is z - K_{·S} K_SS⁻¹ z_S and ``own`` the diagonal of K - K_{·S} K_SS⁻¹ K_{S·}, so that i would add leftᵢ² / ownᵢ. Examples whose ``own``
    is gone to √rounding of K_ii, such as copies of chosen ones, are passed over.
    """
    left, own, factor, chosen, gained = z.clone(), diagonal.clone(), z.new_zeros(0, len(z)), [], []
    for _ in steps:
        apart = own > rounding**0.5 * diagonal
        apart[chosen] = False
        if not bool(apart.any()):
            fix = f"ask for m={len(chosen)} or fewer" if chosen else "every gradient is 0: give a model with a loss to explain"
            raise UsageError(f"After {len(chosen)} choices no gradient is left that is not a combination of the chosen ones; {fix}.")
        gains = (left.square() / own).where(apart, -torch.inf)
        place = first_best(gains, float(gains.max()) * rounding ** (2 / 3))
        gained.append(gains[place])
        line = (column(place) - factor[:, place] @ factor) / own[place].sqrt()
        left, own = left - line * (left[place] / own[place].sqrt()), own - line.square()
        factor, chosen = torch.cat([factor, line[None]]), [*chosen, place]
    lower = factor[:, chosen].T.tril()
    return chosen, torch.stack(gained).cumsum(0), torch.cholesky_solve(z[chosen, None], lower)[:, 0]


def _passed(gradients: Gradients) -> Iterator[tuple[Tensor, Rows]]:
    problem = gradients.problem
    for batch in problem.batches(size=gradients.size):
        yield torch.from_numpy(batch.positions).to(problem.device), gradients.losses(batch)


def _bytes(rows: Rows, problem: Problem) -> int:
    """What they hold, or will once they are written out."""
    return sum(block.nbytes or len(rows) * prod(block.shape) * problem.dtype.itemsize for block in rows.blocks)


def _check(toward: Tensor, diagonal: Tensor, problem: Problem) -> None:
    for values in (toward, diagonal):
        if not all_finite(values):
            bad = problem.ids[int((~torch.isfinite(values)).nonzero()[0])]
            raise UsageError(f"The kernel of training example {bad!s} is not finite; raise the damping or check that example.")
    low = int(diagonal.argmin())
    if diagonal[low] < -(torch.finfo(problem.dtype).eps ** 0.5) * diagonal.abs().max():
        raise UsageError(f"H is not positive definite along the gradient of {problem.ids[low]!s}; use GaussNewton() or a larger damping.")
