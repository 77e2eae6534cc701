"""LESS (Xia et al. 2024): the steps that Adam would take for each training example along the queries' gradients, summed over checkpoints."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from wherefrom.checkpoints import Checkpoint, as_checkpoints
from wherefrom.checkpoints.sequence import counted, number_of
from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Projection, Projector, Rows
from wherefrom.gradients.signed import normalise, signed_measurements
from wherefrom.methods.base import FittedMethod, Method, Work
from wherefrom.methods.trajectory.checkpoint_states import adam_at, scales_at, states_at, warn_idle, warn_notes
from wherefrom.methods.trajectory.moments import FittedMoments, Moment
from wherefrom.problem import Problem

COPIES = 5  # of the written gradients while Adam's steps are taken

Move = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class LESS(Method):
    """Σ_c η_c cos(P_c Γᵢ(θ_c), P_c ∇m_q(θ_c)), Γᵢ = m̂ / (√v̂ + ε) Adam's step if example i alone were the next batch; ``unit="arbitrary"``.

    m = β₁m_c + (1 - β₁) gᵢ and v = β₂v_c + (1 - β₂) gᵢ² with the moments kept at the checkpoint, as ``torch.optim.Adam`` takes them; P_c is a
    :class:`wherefrom.gradients.Projection` to ``dimension`` numbers, drawn anew at each checkpoint. Positive = proponent. Cosines keep short
    sequences, whose gradients are long, from winning by size.

    ``checkpoints`` and ``learning_rates`` are those of :class:`wherefrom.TracIn`; those of Hugging Face's Trainer and of Lightning hold the moments,
    and others hold them as ``Checkpoint(state, rate, optimizer=SavedOptimizer.of(optimizer.state_dict()))``. ``update="scaled"`` takes
    η gᵢ / (√v̂ + ε) in Γ's place, without the example's own part in the moments, from the scales that a :class:`wherefrom.CheckpointRecorder` keeps.
    Meant for adapters of low rank: choose them through ``parameters``. Raises :class:`UsageError` where the moments (or scales) are not known.
    """

    checkpoints: Any
    learning_rates: float | Sequence[float] | None = None
    dimension: int = 8192
    seed: int = 0
    parameters: str | Sequence[str] | None = None
    update: Literal["adam", "scaled"] = "adam"

    def __post_init__(self) -> None:
        if self.update not in ("adam", "scaled"):
            raise UsageError(f"update={self.update!r} is unknown; give 'adam' or 'scaled'.")
        _ = self._projection

    def __repr__(self) -> str:
        given = {"parameters": self.parameters, "update": None if self.update == "adam" else self.update}
        said = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
        return f"LESS({counted(self.checkpoints)}, dimension={self.dimension}{said}, seed={self.seed})"

    @property
    def _projection(self) -> Projection:
        return Projection(self.dimension, self.seed)

    def fit(self, problem: Problem) -> FittedMethod:
        """Load each checkpoint once, with its moments."""
        problem, checkpoints = problem.restricted(self.parameters), as_checkpoints(self.checkpoints, self.learning_rates)
        warn_notes(checkpoints)
        states = states_at(problem, checkpoints)
        warn_idle(checkpoints)
        coverage = Gradients(problem.at(states[0])).coverage
        moments = []
        for place, (checkpoint, state) in enumerate(zip(checkpoints, states, strict=True)):
            gradients = Gradients(problem.at(state), coverage)
            move = _adam(problem, checkpoint) if self.update == "adam" else _scaled(problem, checkpoint)
            projector = self._projection.of(gradients.layout, problem.device, place)
            moments.append(_Moment(gradients, float(checkpoint.learning_rate or 0.0), move, projector))
        fitting = problem.budget // 8 // (COPIES * problem.size * problem.dtype.itemsize)
        size = problem.batch_size or max(1, min(moments[0].gradients.size, fitting))
        return FittedMoments("arbitrary", size, tuple(moments))

    def work(self, problem: Problem) -> Work:
        """A gradient pass for each checkpoint."""
        return Work(problem.restricted(self.parameters), number_of(self.checkpoints), True, self._projection)


def _adam(problem: Problem, checkpoint: Checkpoint) -> Move:
    """Γ of flat gradients (k, d)."""
    moments = adam_at(problem, checkpoint, "update='scaled' where they hold scales")
    return lambda flat: problem.flatten({name: moments[name].updates(values) for name, values in problem.unflatten(flat).items()})


def _scaled(problem: Problem, checkpoint: Checkpoint) -> Move:
    """The same by the recorded step for each unit of gradient."""
    scales = scales_at(problem, checkpoint)
    return lambda flat: flat * scales


@dataclass(frozen=True, eq=False)
class _Moment(Moment):
    """One checkpoint: gradients there, and the step that each would make."""

    gradients: Gradients
    rate: float
    move: Move
    projector: Projector

    def train(self, batch: Batch) -> Rows:
        rows = self.gradients.losses(batch)
        return normalise(self.projector(rows.layout.rows(self.move(rows.flat()))))

    def queries(self, batches: Iterable[Batch], add: Callable[[Iterable[Rows]], Rows]) -> Rows:
        return add(self._weighed(signed_measurements(self.gradients, batch)) for batch in batches)

    def own(self, batch: Batch) -> Tensor:
        return self._weighed(self.gradients.losses(batch)).paired(self.train(batch))

    def _weighed(self, rows: Rows) -> Rows:
        rows = normalise(self.projector(rows))
        return rows.scale(torch.full((len(rows),), self.rate, dtype=self.gradients.problem.dtype, device=self.gradients.problem.device))
