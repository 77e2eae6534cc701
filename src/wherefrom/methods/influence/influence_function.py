"""Influence functions (Koh & Liang 2017): what leaving a training example out would do to a query, without retraining."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.rows import cat, summed
from wherefrom.gradients.signed import signed_measurements
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.methods.influence.leverage import Leverage
from wherefrom.problem import Problem
from wherefrom.solvers import IHVP, FittedIHVP


@dataclass(frozen=True)
class InfluenceFunction(Method):
    """(1/N) wᵢ ∇m_qᵀ (C + damping I)⁻¹ gᵢ: the worsening of the query's measurement if i is left out (equation 2 there).

    Positive = proponent. ``unit`` is "loss change", or "measurement change" where the objective has a measurement of its
    own. Only queries are solved for, so the cost is one gradient pass over the data and q solves. The linear form falls
    short by about 1/(1 - leverage); ``leverage=True`` takes the whole Newton step that leaving i out calls for and
    evaluates the measurement there (:class:`wherefrom.methods.influence.leverage.Leverage`), at the price of C solves per example.
    """

    ihvp: IHVP | FittedIHVP = IHVP()
    leverage: bool = False

    def fit(self, problem: Problem) -> FittedMethod:
        """Fit the IHVP unless it is fitted already."""
        ihvp, gradients = self.ihvp.fit(problem), Gradients(problem)
        if self.leverage:
            return Leverage.of(problem, gradients, ihvp)
        return Solved(problem.objective.unit, gradients.size, problem, gradients, ihvp, lambda batch, _: batch.weights / problem.normaliser)

    def work(self, problem: Problem) -> Work:
        """One gradient pass, after the solver's work."""
        fitting, held = self.ihvp.work(problem)
        newton = "; then C solves for each training example" if self.leverage else ""
        return Work(problem, written=True, fitting=fitting + newton, bytes=held, approximated=self.ihvp.account())


@dataclass(frozen=True, eq=False)
class Solved(FittedMethod):
    """∇m_qᵀ (C + damping I)⁻¹ gᵢ times ``factor(batch, rows)`` of each training example (B,)."""

    unit: str
    size: int
    problem: Problem
    gradients: Gradients
    ihvp: FittedIHVP
    factor: Callable[[Batch, Rows], Tensor]

    def prepare(self, queries: Iterable[Batch]) -> Score:
        return self._score(cat(signed_measurements(self.gradients, batch) for batch in queries))

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        return self._score(summed(signed_measurements(self.gradients, batch) for batch in queries))

    def own(self, batch: Batch) -> Tensor:
        rows = self.gradients.losses(batch)
        return self.ihvp.quadratic(rows) * self.factor(batch, rows)

    def _score(self, asked: Rows) -> Score:
        products = self.ihvp.against(asked, len(self.problem))

        def score(batch: Batch) -> Tensor:
            rows = self.gradients.losses(batch)
            return products(rows) * self.factor(batch, rows)

        return score
