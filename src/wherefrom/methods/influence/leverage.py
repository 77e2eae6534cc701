"""Influence with leverage: the whole Newton step of leaving one example out (approximate leave-one-out; rescaled influence).

Leaving i out of N·C subtracts wᵢ JᵢᵀSᵢJᵢ, of rank C at most, so by Woodbury

    Δθᵢ = (N(C + damping I) - wᵢ JᵢᵀSᵢJᵢ)⁻¹ wᵢ Jᵢᵀrᵢ = (1/N) (C + damping I)⁻¹ Jᵢᵀ ρᵢ,   ρᵢ = (I - (wᵢ/N) Sᵢ Kᵢᵢ)⁻¹ wᵢ rᵢ

with r and S the loss's first and second derivative in the outputs, J the outputs' derivative by θ, and the kernel
K_qi = J_q (C + damping I)⁻¹ Jᵢᵀ. A query's outputs move by K_qi ρᵢ / N, and its measurement is evaluated there: exactly
where outputs are linear in θ, to first order elsewhere. One Newton step is exact leave-one-out for linear regression.
Source: Rad & Maleki 2020 (approximate leave-one-out), Cook & Weisberg 1982 for the linear case.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from wherefrom.curvature.outputs import LossCurvature
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.rows import cat
from wherefrom.methods.base import FittedMethod, Score
from wherefrom.problem import Problem
from wherefrom.solvers import FittedIHVP


@dataclass(frozen=True, eq=False)
class Leverage(FittedMethod):
    """Scores = the measurement at the stepped outputs, less the measurement now, turned so that positive = worse."""

    problem: Problem
    gradients: Gradients
    ihvp: FittedIHVP

    unit: str
    size: int

    @classmethod
    def of(cls, problem: Problem, gradients: Gradients, ihvp: FittedIHVP) -> "Leverage":
        """Batches so small that the solved rows of a batch's outputs fit into an eighth of the memory budget."""
        outputs = problem.outputs(next(problem.batches(size=1)).inputs).numel()
        fitting = problem.budget // 8 // (3 * outputs * problem.size * problem.dtype.itemsize)
        return cls(problem, gradients, ihvp, problem.objective.unit, int(min(gradients.size, max(1, fitting))))

    def prepare(self, queries: Iterable[Batch]) -> Score:
        asked = [(batch, self._jacobian(batch)) for batch in queries]
        solved = cat([self.ihvp.apply(rows) for _, (_, rows) in asked])
        places = [(batch, outputs) for batch, (outputs, _) in asked]

        def score(batch: Batch) -> Tensor:
            step, _, rows = self._step(batch)
            kernel = solved.dot(rows).view(-1, step.shape[1], *step.shape)  # (q, C of q, B, C)
            moved = (kernel * step).sum(3).transpose(1, 2) / self.problem.normaliser
            return self._worsening(places, moved)

        return score

    def own(self, batch: Batch) -> Tensor:
        step, solved, rows = self._step(batch)
        with torch.no_grad():
            outputs = self.problem.outputs(batch.inputs)
        change = self._change(step, solved)[:, :, None]
        moved = outputs + (rows.flat().view(*step.shape, -1) @ change).view_as(outputs)
        return self.problem.losses(moved, batch) - self.problem.losses(outputs, batch)

    def parameter_change(self, batch: Batch) -> Tensor:
        """Δθᵢ (B, d): where the parameters go when example i alone is left out."""
        step, solved, _ = self._step(batch)
        return self._change(step, solved)

    def _change(self, step: Tensor, solved: Tensor) -> Tensor:
        return (solved.reshape(*step.shape, -1) * step[:, :, None]).sum(1) / self.problem.normaliser

    def _jacobian(self, batch: Batch) -> tuple[Tensor, Rows]:
        """The outputs in the shape the loss expects, and J as B·C rows."""
        flat, rows = self.gradients.jacobian(batch)
        with torch.no_grad():
            return flat.view_as(self.problem.outputs(batch.inputs)), rows

    def _step(self, batch: Batch) -> tuple[Tensor, Tensor, Rows]:
        """ρᵢ (B, C), (C + damping I)⁻¹Jᵢᵀ as (B·C, d), and Jᵢ as B·C rows."""
        outputs, rows = self._jacobian(batch)
        solved = self.ihvp.solve(rows).x.T
        with torch.enable_grad():
            points = outputs.detach().requires_grad_()
            first = torch.autograd.grad(self.problem.losses(points, batch).sum(), points)[0].reshape(len(batch), -1)
        kernel = rows.flat().view(*first.shape, -1) @ solved.reshape(*first.shape, -1).mT
        bend = LossCurvature().matrix(self.problem, outputs, batch) * (batch.weights / self.problem.normaliser)[:, None, None]
        left = torch.eye(first.shape[1], dtype=first.dtype, device=first.device) - bend @ kernel
        endless = torch.linalg.svdvals(left).min(dim=1).values < torch.finfo(left.dtype).eps ** 0.5
        if endless.any():
            key = batch.ids[int(endless.nonzero()[0])]
            raise UsageError(f"The curvature without example {key!s} is singular, so its Newton step is endless; add l2 or damping.")
        return torch.linalg.solve(left, (first * batch.weights[:, None])[:, :, None])[:, :, 0], solved, rows

    def _worsening(self, asked: list[tuple[Batch, Tensor]], moved: Tensor) -> Tensor:
        """The worsening (q, B) of each query when its outputs move by ``moved`` (q, B, C)."""
        scores, start = [], 0
        for batch, outputs in asked:
            shift = moved[start : start + len(batch)]
            q, b, _ = shift.shape
            stepped = outputs.repeat_interleave(b, 0) + shift.reshape(q * b, *outputs.shape[1:])
            after = self.problem.measurements(stepped, batch.repeated(b)).view(q, b)
            scores.append(after - self.problem.measurements(outputs, batch)[:, None])
            start += q
        return torch.cat(scores) * self.problem.objective.sign
