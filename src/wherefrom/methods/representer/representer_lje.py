"""Representer points by a local Jacobian expansion (Sui, Wu & Sanner 2021): the last layer as a sum over examples, without a refit."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from torch import Tensor

from wherefrom.curvature import Hessian
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.blocks import Factored
from wherefrom.gradients.rows import cat, summed
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.methods.last_layer import LastLayer
from wherefrom.methods.output_selection import Output, check_output, directions
from wherefrom.problem import Problem
from wherefrom.solvers import IHVP, Exact, FittedIHVP


@dataclass(frozen=True)
class RepresenterLJE(Method):
    """Wᵢ[c]·f_q with Wᵢ = (wᵢ/N) (θ† - H⁻¹ gᵢ), gᵢ = ∇lossᵢ and H = (1/N) Σ wᵢ ∇²lossᵢ + damping I at θ†; ``unit="arbitrary"``.

    θ is the last linear layer with its bias, θ† = θ̂ + step · (1/N) Σ wᵢ ∇lossᵢ one step of gradient ascent away, so that Σ Wᵢ = θ† - H⁻¹ ḡ is one
    Newton step back: nearly θ̂, and a query's scores sum to nearly its logit. H is that of the loss alone, all classes together. ``output`` says which
    logit: that of the query's "target", that "predicted", or one by number; positive = speaks for it. As θ† is shared, the ranking is that of
    influence on the logit, last layer alone. Softmax leaves H singular, so ``damping=None`` adds 0.1 × its mean eigenvalue; the value stands in the
    fitted method's ``damping``. The authors' code is followed; no division by features. Raises :class:`UsageError` where the model does not end in a
    linear layer, or H is not positive definite with the damping given.
    """

    step: float = 0.01
    output: Output = "target"
    damping: float | None = None

    def __post_init__(self) -> None:
        check_output(self.output)
        if not self.step >= 0:
            raise UsageError(f"step={self.step} descends; give 0 or more, in the direction of ascent.")

    def fit(self, problem: Problem) -> "FittedRepresenterLJE":
        """Step up, and factor the last layer's Hessian there."""
        layer = LastLayer.of(problem)
        plain = replace(layer.problem, objective=replace(problem.objective, l2=0.0))
        gradients = Gradients(plain, layer.gradients.coverage)
        parts = (gradients.losses(batch).scale(batch.weights / plain.normaliser) for batch in plain.batches(size=gradients.size))
        theta = plain.flatten(plain.parameters)
        above = plain.at(plain.unflatten(theta + self.step * summed(parts).flat()[0]))
        ihvp = IHVP(Hessian(), Exact(), self.damping).fit(above)
        return FittedRepresenterLJE(self, layer, Gradients(above, gradients.coverage), ihvp, "arbitrary", gradients.size)

    def work(self, problem: Problem) -> Work:
        """One pass, after those for the step and the Hessian."""
        layer = LastLayer.of(problem).problem
        fitting, held = Exact().work(layer)
        return Work(layer, written=True, fitting=f"a pass for the step; {fitting}", bytes=held)


@dataclass(frozen=True, eq=False)
class FittedRepresenterLJE(FittedMethod):
    """``layer`` reads what queries ask; ``gradients`` and ``ihvp`` are at θ†."""

    settings: RepresenterLJE
    layer: LastLayer
    gradients: Gradients
    ihvp: FittedIHVP
    unit: str
    size: int

    @property
    def damping(self) -> float:
        """What was added to H's diagonal."""
        return float(self.ihvp.damping)

    @property
    def theta(self) -> Rows:
        """θ† as one row."""
        above = self.ihvp.operator.problem
        return self.gradients.layout.rows(above.flatten(above.parameters)[None])

    def weights(self, batch: Batch) -> Tensor:
        """Wᵢ of each training example, flat (B, d): they sum to θ† - H⁻¹ ḡ."""
        moved = self.theta.flat() - self.ihvp.apply(self.gradients.losses(batch)).flat()
        return moved * self._shares(batch)[:, None]

    def prepare(self, queries: Iterable[Batch]) -> Score:
        return self._score(cat(self._asked(batch) for batch in queries))

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        return self._score(summed(self._asked(batch) for batch in queries))

    def own(self, batch: Batch) -> Tensor:
        asked = self._asked(batch)
        told = asked.dot(self.theta)[:, 0] - self.ihvp.apply(asked).paired(self.gradients.losses(batch))
        return told * self._shares(batch)

    def _score(self, asked: Rows) -> Score:
        # Wᵢ against a query is θ†'s share less the query's H⁻¹ against gᵢ: only queries are solved for.
        logits, products = asked.dot(self.theta), self.ihvp.against(asked, len(self.layer.problem))
        return lambda batch: (logits - products(self.gradients.losses(batch))) * self._shares(batch)

    def _asked(self, batch: Batch) -> Rows:
        """onehot ⊗ f."""
        features, outputs = self.layer.read(batch)
        rows = directions(self.settings.output, outputs, batch)
        return Rows((Factored(features[:, None], rows[:, None]),), self.gradients.layout)

    def _shares(self, batch: Batch) -> Tensor:
        return batch.weights / self.layer.problem.normaliser
