"""TracIn (Pruthi et al. 2020): a training example's share in the fall of a query's loss, traced over checkpoints of the training run.

A step of gradient descent on example i changes the query's loss by -η ∇ℓ_q·∇ℓᵢ to first order; TracIn sums this over checkpoints.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from wherefrom.checkpoints import Checkpoint, as_checkpoints
from wherefrom.checkpoints.sequence import counted, number_of
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Projection, Projector, Rows
from wherefrom.gradients.signed import normalise, reciprocal, signed_measurements
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.methods.trajectory.checkpoint_states import scales_at, states_at, warn_idle, warn_notes
from wherefrom.methods.trajectory.moments import FittedMoments, Moment
from wherefrom.problem import Problem


@dataclass(frozen=True, eq=False)
class TracIn(Method):
    """Σ_c η_c ∇m_q(θ_c) · ∇lossᵢ(θ_c), no 1/N; ``unit="arbitrary"``, positive = proponent.

    ``checkpoints``: state dicts, paths, :class:`wherefrom.checkpoints.Checkpoint` or a :class:`wherefrom.CheckpointRecorder`; or the place that a
    training wrote them to, such as ``"out/checkpoint-*"``. ``learning_rates``: one for all or one for each (default: those of the steps taken
    there, or 1 for each where none is known, which the scores' notes say). ``parameters``: name patterns; a last linear layer alone
    needs no backward pass through the model. ``normalise="cosine"`` divides by both lengths at each checkpoint, so that large
    gradients do not win by size; ``"checkpoint"`` divides each checkpoint's term by the mean squared length of the queries'
    gradients there, so that early checkpoints do not win by size.

    ``update="gradient"`` is exact to first order for plain gradient descent; under momentum μ it is short by a factor 1/(1 - μ),
    and under Adam it weighs entries as plain descent would. ``update="recorded"`` puts the recorded step per unit of gradient
    (:attr:`wherefrom.Checkpoint.scales`) in place of η, entry by entry: η/(√v̂ + ε) for Adam.

    ``projection`` (a :class:`wherefrom.gradients.Projection` or its dimension) takes inner products between projections of the gradients, drawn
    anew at each checkpoint so that their errors cancel: for many queries of long sequences. Lengths and self-influence stay exact.
    """

    checkpoints: Any
    learning_rates: float | Sequence[float] | None = None
    parameters: str | Sequence[str] | None = None
    normalise: Literal["checkpoint", "cosine"] | None = None
    update: Literal["gradient", "recorded"] = "gradient"
    projection: Projection | int | None = None

    def __post_init__(self) -> None:
        if self.normalise not in (None, "checkpoint", "cosine"):
            raise UsageError(f"normalise={self.normalise!r} is unknown; give None, 'checkpoint' or 'cosine'.")
        if self.update not in ("gradient", "recorded"):
            raise UsageError(f"update={self.update!r} is unknown; give 'gradient' or 'recorded'.")
        if self.update == "recorded" and (self.normalise or self.learning_rates is not None):
            raise UsageError("The recorded update carries the learning rates and its own scale; leave out learning_rates= and normalise=.")

    def __repr__(self) -> str:
        chosen = {"parameters": self.parameters, "normalise": self.normalise, "update": self.update, "projection": self.projection}
        said = "".join(f", {key}={value!r}" for key, value in chosen.items() if value not in (None, "gradient"))
        rates = "" if self.learning_rates is None else f", learning_rates={_short(self.learning_rates)}"
        return f"TracIn({counted(self.checkpoints)}{rates}{said})"

    def fit(self, problem: Problem) -> FittedMethod:
        """Load each checkpoint once and find the layer rules of the model."""
        problem, checkpoints = problem.restricted(self.parameters), as_checkpoints(self.checkpoints, self.learning_rates)
        warn_notes(checkpoints)
        states = states_at(problem, checkpoints)
        warn_idle(checkpoints)
        coverage = Gradients(problem.at(states[0])).coverage
        moments = []
        for place, (checkpoint, state) in enumerate(zip(checkpoints, states, strict=True)):
            gradients, rate = Gradients(problem.at(state), coverage), float(checkpoint.learning_rate or 0.0)
            moments.append(_Moment(gradients, rate, self._scales(problem, checkpoint), self.normalise, self._projector(gradients, place)))
        return FittedMoments("arbitrary", moments[0].gradients.size, tuple(moments))

    def work(self, problem: Problem) -> Work:
        """A gradient pass for each checkpoint."""
        count = number_of(self.checkpoints)
        return Work(problem.restricted(self.parameters), count, self.update == "recorded", self._projection)

    @property
    def _projection(self) -> Projection | None:
        return Projection(self.projection) if isinstance(self.projection, int) else self.projection

    def _projector(self, gradients: Gradients, place: int) -> Projector | None:
        projection = self._projection
        return None if projection is None else projection.of(gradients.layout, gradients.problem.device, place)

    def _scales(self, problem: Problem, checkpoint: Checkpoint) -> Tensor | None:
        """The recorded step per unit of gradient, flat (d,)."""
        if self.update == "gradient":
            return None
        return scales_at(problem, checkpoint)


@dataclass(frozen=True, eq=False)
class _Moment(Moment):
    """One checkpoint: gradients there, and what they are weighed by."""

    gradients: Gradients
    rate: float
    scales: Tensor | None
    normalise: str | None
    projector: Projector | None

    def weighed(self, rows: Rows) -> Rows:
        """Query rows times η, or times the recorded step entry by entry."""
        if self.scales is not None:
            return rows.layout.rows(rows.flat() * self.scales)
        rows = normalise(rows) if self.normalise == "cosine" else rows
        return rows.scale(torch.full((len(rows),), self.rate, dtype=self.gradients.problem.dtype, device=self.gradients.problem.device))

    def train(self, batch: Batch) -> Rows:
        return self.projected(self._losses(batch))

    def own(self, batch: Batch) -> Tensor:
        rows = self._losses(batch)
        return rows.squared_norms() * self.rate if self.scales is None else self.weighed(rows).paired(rows)

    def _losses(self, batch: Batch) -> Rows:
        rows = self.gradients.losses(batch)
        return normalise(rows) if self.normalise == "cosine" else rows

    def projected(self, rows: Rows) -> Rows:
        return rows if self.projector is None else self.projector(rows)

    def queries(self, batches: Iterable[Batch], add: Callable[[Iterable[Rows]], Rows]) -> Rows:
        squares: list[Tensor] = []

        def prepared() -> Iterator[Rows]:
            for batch in batches:
                rows = signed_measurements(self.gradients, batch)
                if self.normalise == "checkpoint":
                    squares.append(rows.squared_norms())
                yield self.projected(self.weighed(rows))

        rows = add(prepared())
        return rows.scale(reciprocal(torch.cat(squares).mean()).expand(len(rows))) if squares else rows


def _short(rates: float | Sequence[float]) -> str:
    return f"{rates:g}" if isinstance(rates, int | float) else f"[{', '.join(f'{rate:g}' for rate in rates)}]"
