"""Renormalised influence (Hammoudeh & Lowd 2024): gradients of length 1, so that low loss hides nobody."""

from dataclasses import dataclass

from wherefrom.gradients import Gradients
from wherefrom.gradients.signed import reciprocal
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.methods.influence.influence_function import Solved
from wherefrom.problem import Problem
from wherefrom.solvers import IHVP, FittedIHVP


@dataclass(frozen=True)
class RenormalisedInfluence(Method):
    """∇m_qᵀ (C + damping I)⁻¹ gᵢ / ‖gᵢ‖; no 1/N, ``unit="arbitrary"``.

    A gradient is as long as its example's loss is steep, so plain scores are small for whatever is fitted well, however like the query it is. Here an
    example counts by its gradient's direction alone; one without gradient scores 0. It needs no solve beyond influence's own, unlike
    :class:`wherefrom.RelatIF`, which divides by the length after the solve. With the identity for a curvature, and the query's gradient divided
    too, it is :class:`wherefrom.GradientCosine`; over checkpoints, ``TracIn(normalise="cosine")``.
    """

    ihvp: IHVP | FittedIHVP = IHVP()

    def fit(self, problem: Problem) -> FittedMethod:
        """Fit the IHVP unless it is fitted already."""
        ihvp, gradients = self.ihvp.fit(problem), Gradients(problem)
        return Solved("arbitrary", gradients.size, problem, gradients, ihvp, lambda _, rows: reciprocal(rows.norms()))

    def work(self, problem: Problem) -> Work:
        """One gradient pass, after the solver's work."""
        fitting, held = self.ihvp.work(problem)
        return Work(problem, written=True, fitting=fitting, bytes=held, approximated=self.ihvp.account())
