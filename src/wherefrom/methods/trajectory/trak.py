"""TRAK (Park et al. 2023): influence on a model's margin as if it were linear in its projected gradients, averaged over trained models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wherefrom.checkpoints import as_checkpoints
from wherefrom.checkpoints.sequence import counted, number_of
from wherefrom.data.batches import Batch, per_example
from wherefrom.errors import UsageError
from wherefrom.gradients import Gradients, Projection, Projector
from wherefrom.gradients.signed import signed_measurements
from wherefrom.methods.base import FittedMethod, Method, Score, Work
from wherefrom.methods.influence.damped_inverse import DampedInverse, add_moments, bytes_of, zeros
from wherefrom.methods.model_output import ModelOutput, model_output
from wherefrom.methods.trajectory.checkpoint_states import states_at
from wherefrom.objective import PerExample
from wherefrom.problem import Problem
from wherefrom.progress import track

RIDGE = 3.0  # mean squared lengths of φ: an example of that length alone then has a leverage φᵀ(φφᵀ + ridge)⁻¹φ of 1/4


@dataclass(frozen=True, eq=False)
class TRAK(Method):
    """mean_c [φ_c(q)ᵀ (Φ_cᵀWΦ_c + ridge I)⁻¹ φ_c(i)] · mean_c [wᵢ (1 - p_c(i))]; ``unit="arbitrary"``, positive = raises the query's margin.

    φ_c = P_c ∇f: the gradient of the margin f = log p/(1 - p) of the target at checkpoint c, projected to ``dimension`` numbers by a
    :class:`wherefrom.gradients.Projection` that is drawn anew at each checkpoint; no projection where θ has no more. Φ (n, k) holds those of the
    training examples, W their weights, so that an example of weight 2 scores as two copies of it do. ``checkpoints``: independently trained
    models, or moments of one training (default: the problem's own weights alone); more of them help more than anything else.

    f is the target's logit less the logsumexp of the others, summed over the tokens of a sequence (1 - p is then their mean), or the signed logit
    of a binary target. For squared error it is the
    prediction, 1 - p is -∂loss/∂f, and a query asks how far its loss falls. Where the objective has a measurement, that is what a query asks.
    ``output``: another log-odds (outputs, targets) -> (B,), for any other loss. ``ridge=None``: 3 × the mean squared length
    of φ over the training examples, near the best for any number of them and any dimension that was tried (docs/decisions.md), so that fewer
    examples than ``dimension``, duplicates and gradients of 0 do no harm. Without soft-thresholding. Raises :class:`UsageError`
    for ridge=0 where Φ does not span its dimensions.
    """

    checkpoints: Any = None
    dimension: int = 2048
    ridge: float | None = None
    seed: int = 0
    output: PerExample | None = None
    parameters: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.ridge is not None and not 0 <= self.ridge < float("inf"):
            raise UsageError(f"ridge={self.ridge} is no ridge; give 0 or more, or leave it out.")
        _ = self._projection

    def __repr__(self) -> str:
        number = "1 checkpoint" if self.checkpoints is None else counted(self.checkpoints)
        given = {"ridge": self.ridge, "output": getattr(self.output, "__qualname__", self.output), "parameters": self.parameters}
        said = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
        return f"TRAK({number}, dimension={self.dimension}{said}, seed={self.seed})"

    @property
    def _projection(self) -> Projection:
        return Projection(self.dimension, self.seed)

    def fit(self, problem: Problem) -> "FittedTRAK":
        """A pass over the training data for ΦᵀWΦ at every checkpoint."""
        problem, output = problem.restricted(self.parameters), model_output(problem.objective, self.output)
        places = [problem]
        if self.checkpoints is not None:
            places = [problem.at(state) for state in states_at(problem, as_checkpoints(self.checkpoints, 1.0))]
        coverage, members = Gradients(places[0]).coverage, []
        for draw, place in enumerate(places):
            gradients = Gradients(place, coverage)
            members.append(Member(gradients, self._projection.of(gradients.layout, place.device, draw), output))
        return FittedTRAK("arbitrary", members[0].gradients.size, tuple(members), self._inverses(problem, members))

    def _inverses(self, problem: Problem, members: Sequence["Member"]) -> tuple[DampedInverse, ...]:
        """(ΦᵀWΦ + ridge I)⁻¹ at each checkpoint; the data are read once."""
        size, moments = members[0].gradients.size, zeros(problem, [min(self.dimension, problem.size)] * len(members), "dimension")
        for batch in track(problem.batches(size=size), "projecting gradients", -(-len(problem) // size), True):
            for member, matrix in zip(members, moments, strict=True):
                add_moments(matrix, member(batch)[0], batch.weights)
        found = []
        for matrix in moments:
            # gradients that are all 0 score 0 under any ridge
            ridge = self.ridge if self.ridge is not None else RIDGE * float(matrix.trace() / problem.weights.sum()) or 1.0
            found.append(DampedInverse.of(matrix, ridge, "ridge", problem.weights))
        return tuple(found)

    def work(self, problem: Problem) -> Work:
        """A gradient pass for each checkpoint, after another one to fit."""
        problem = problem.restricted(self.parameters)
        count, k = 1 if self.checkpoints is None else number_of(self.checkpoints), min(self.dimension, problem.size)
        fitting = f"{count} more passes over the training data and as many matrices of {k:,}² entries, factored"
        return Work(problem, count, True, self._projection, fitting, bytes_of([k] * count))


@dataclass(frozen=True, eq=False)
class Member:
    """One checkpoint: the projected gradients of the model's output there."""

    gradients: Gradients
    projector: Projector
    output: ModelOutput

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """P ∇f of each example (B, k), and -∂loss/∂f (B,)."""
        pulls: list[Tensor] = []

        def checked(outputs: Any, targets: Any) -> Tensor:
            with torch.no_grad():
                pulls.append(self.output.pull(outputs, targets))
            return per_example(self.output.value, "output", outputs, batch)

        rows = self.gradients.of(batch, checked, self.output.value)
        return self.projector(rows).flat(), pulls[0]

    def asked(self, batch: Batch) -> Tensor:
        """What queries ask (B, k): f, or less of the loss, or what the objective measures."""
        if self.gradients.problem.objective.measurement is not None:
            return -self.projector(signed_measurements(self.gradients, batch)).flat()
        rows, pull = self(batch)
        return rows if self.output.odds else rows * pull[:, None]


@dataclass(frozen=True, eq=False)
class FittedTRAK(FittedMethod):
    """Queries are solved for once at each checkpoint; the training data are read once, each batch taken at every checkpoint."""

    unit: str
    size: int
    members: tuple[Member, ...]
    inverses: tuple[DampedInverse, ...]

    def prepare(self, queries: Iterable[Batch]) -> Score:
        batches = list(queries)
        return self._score([torch.cat([member.asked(batch) for batch in batches]) for member in self.members])

    def prepare_sum(self, queries: Iterable[Batch]) -> Score:
        batches = list(queries)
        return self._score([torch.stack([member.asked(batch).sum(0) for batch in batches]).sum(0, keepdim=True) for member in self.members])

    def own(self, batch: Batch) -> Tensor:
        inner, pulls = [], []
        for member, inverse in zip(self.members, self.inverses, strict=True):
            rows, pull = member(batch)
            inner.append(inverse.quadratic(rows) * (1.0 if member.output.odds else pull))
            pulls.append(pull)
        return torch.stack(inner).mean(0) * torch.stack(pulls).mean(0) * batch.weights

    def _score(self, asked: Sequence[Tensor]) -> Score:
        solved = [inverse.solve(rows) for inverse, rows in zip(self.inverses, asked, strict=True)]

        def score(batch: Batch) -> Tensor:
            inner, pulls = [], []
            for member, rows in zip(self.members, solved, strict=True):
                features, pull = member(batch)
                inner.append(rows @ features.T)
                pulls.append(pull)
            return torch.stack(inner).mean(0) * torch.stack(pulls).mean(0) * batch.weights

        return score
