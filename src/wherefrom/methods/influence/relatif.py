"""RelatIF (Barshan, Brunet & Dziugaite 2020): influence relative to how much an example moves the model as a whole."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.signed import reciprocal
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.methods.influence.influence_function import Solved
from wherefrom.problem import Problem
from wherefrom.solvers import IHVP, FittedIHVP

POWERS = {"theta": 2, "l": 1}


@dataclass(frozen=True)
class RelatIF(Method):
    """∇m_qᵀ H⁻¹ gᵢ / ‖H⁻¹ gᵢ‖ (``variant="theta"``) or / √(gᵢᵀ H⁻¹ gᵢ) (``"l"``), H = C + damping I; no 1/N, ``unit="arbitrary"``.

    Influence of an example that is held to move the parameters (theta), or the model's predictions (l), by no more than a given amount: outliers
    and mislabelled examples, which move everything, no longer top every list. It explains a prediction; it does not predict what leaving an
    example out would do. An example without gradient scores 0. Bounds: |theta| ≤ ‖∇m_q‖, |l| ≤ √(∇m_qᵀ H⁻¹ ∇m_q), which is the
    Cauchy-Schwarz inequality; the l form does not change when gᵢ is scaled.
    """

    ihvp: IHVP | FittedIHVP = IHVP()
    variant: Literal["theta", "l"] = "theta"

    def __post_init__(self) -> None:
        if self.variant not in POWERS:
            raise UsageError(f"variant={self.variant!r} is unknown; give 'theta' or 'l'.")

    def fit(self, problem: Problem) -> FittedMethod:
        """Fit the IHVP unless it is fitted already."""
        ihvp, gradients = self.ihvp.fit(problem), Gradients(problem)

        def factor(_: Batch, rows: Rows) -> Tensor:
            moved = ihvp.quadratic(rows, POWERS[self.variant])
            return reciprocal(moved.clamp_min(0).sqrt()).where(torch.isfinite(moved), torch.nan)  # an overflow is no score of 0: it is refused

        return Solved("arbitrary", gradients.size, problem, gradients, ihvp, factor)

    def work(self, problem: Problem) -> Work:
        """One gradient pass, after the solver's work; every training example is solved for too."""
        fitting, held = self.ihvp.work(problem)
        fitting = f"{fitting}; then a solve for each training example"
        return Work(problem, written=True, fitting=fitting, bytes=held, approximated=self.ihvp.account())
