"""Training by gradient descent on batches: deterministic, so that the same run without some examples differs by them alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil, sqrt

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining.interventions import Change, LeftOut, Relabelled
from wherefrom.retraining.run import Run
from wherefrom.retraining.train.batched_training import Together
from wherefrom.retraining.train.recording import Recording, TrainingStep, batch_of, penalised, step_gradient
from wherefrom.retraining.train.rules import Rule, State
from wherefrom.retraining.train.schedules import Constant, Schedule
from wherefrom.types import Id, Tree

Start = Callable[[Problem, int], Problem]


def fresh(problem: Problem, seed: int) -> Problem:
    """Start from new parameters, drawn with the seed as the layers themselves draw them."""
    return problem.initialised(seed)


def present(problem: Problem, seed: int) -> Problem:
    """Start from the problem's parameters."""
    return problem


@dataclass(frozen=True)
class Drawn:
    """Start from new parameters drawn with a seed of their own, whatever the run's: then runs differ by their order of data alone.

    And with several of these and one seed of the run, by their start alone.
    """

    seed: int

    def __call__(self, problem: Problem, seed: int) -> Problem:
        """The problem at these parameters."""
        return problem.initialised(self.seed)


@dataclass(frozen=True)
class Descent:
    """Steps of ``rule`` along the gradient of R estimated on batches, (n / (|B| N)) Σ_{i in B} wᵢ lossᵢ + l2/2 ‖θ‖², n the rows of the data.

    The order of the rows is drawn anew each epoch with the seed, from the data as they were before anything was left out: what is left out is
    missing from its batches, whose divisor stays (that of ``problem.without``; a problem with an N of its own has its own). ``start`` is
    :func:`fresh`, :func:`present`, :class:`Drawn` or a function (problem, seed) -> problem. ``checkpoints`` states are kept, evenly, the last; with
    ``record`` all states that fit, at least about √T, so that :class:`wherefrom.UnrolledInfluence` can follow the run backwards. Raises
    :class:`UsageError` where training diverges.
    """

    rule: Rule
    epochs: int
    learning_rate: float
    batch_size: int = 64
    schedule: Schedule = Constant()
    start: Start = fresh
    checkpoints: int = 0
    record: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0 or self.checkpoints < 0:
            raise UsageError("Training needs 1 or more epochs, batches of 1 or more, and a learning rate above 0.")

    def __call__(self, problem: Problem, seed: int = 0, progress: bool = False) -> Run:
        """Train from ``start``; the same problem and seed give the same run."""
        begun = replace(problem, train=problem.train.in_memory())
        begun = self.start(begun, seed)
        theta = begun.flatten(begun.parameters)
        batches = list(self._batches(begun, seed))
        marks = self._kept(begun, len(batches)) if self.record else set()
        shown = _marks(len(batches), self.checkpoints)
        state, penalty, steps = self.rule.start(theta), begun.l2, []
        kept: dict[int, State] = {0: state} if self.record else {}
        shots: list[tuple[Mapping[str, Tensor], float]] = []
        for t, (positions, divisor) in enumerate(track(batches, f"training, seed {seed}", len(batches), progress)):
            rate = self.learning_rate * self.schedule(t, len(batches))
            steps.append(TrainingStep(begun.ids[positions], rate, divisor))
            try:
                gradient = self._gradient(begun, state[0], positions, divisor)
            except UsageError as error:
                raise UsageError(f"Training with seed {seed} failed at step {t} ({error}); where it diverges, lower the learning rate.") from error
            state = self.rule.step(state, penalised(gradient, state[0], penalty), rate, t)
            if t + 1 in marks:
                kept[t + 1] = state
            if t + 1 in shown:
                shots.append((_named(begun, state[0]), rate))
        if not all_finite(state[0]):
            raise UsageError(f"Training with seed {seed} diverged; lower the learning rate.")
        record = Recording(self.rule, begun.names, tuple(steps), kept, penalty) if self.record else None
        return Run(_named(begun, state[0]), tuple(shot for shot, _ in shots), tuple(rate for _, rate in shots), record)

    def without(
        self, problem: Problem, groups: Sequence[Sequence[Id]], *, seed: int = 0, normalise: bool = False, progress: bool = True
    ) -> Iterator[Run]:  # fmt: skip
        """The run without each group of ids, as they are done: stacked where torch can stack this model, otherwise in turn; equal to rounding."""
        return self._changed(problem, [LeftOut(ids, normalise) for ids in groups], seed, progress)

    def relabelled(
        self, problem: Problem, groups: Sequence[Sequence[Id]], labels: Sequence[Tree], *, seed: int = 0, progress: bool = True
    ) -> Iterator[Run]:  # fmt: skip
        """The run with each group of ids under its ``labels`` (a row for each id, as the problem's batches have targets), like :meth:`without`."""
        return self._changed(problem, [Relabelled(ids, rows) for ids, rows in zip(groups, labels, strict=True)], seed, progress)

    def _changed(self, problem: Problem, changes: Sequence[Change], seed: int, progress: bool) -> Iterator[Run]:
        begun = self.start(replace(problem, train=problem.train.in_memory()), seed)
        models = Together.of(begun, changes)
        if self.record or self.checkpoints or not models.possible():
            each = (self(change.of(problem), seed) for change in changes)
            yield from track(each, f"retraining, seed {seed}", len(changes), progress)
            return
        batches = list(self._batches(begun, seed))
        steps = (t for _ in range(0, len(changes), models.chunk) for t in range(len(batches)))
        told = track(steps, f"retraining {len(changes)} together, seed {seed}", -(-len(changes) // models.chunk) * len(batches), progress)
        for some in models.chunks():
            states = {name: self.rule.start(theta) for name, theta in some.laid_out(*batches[0]).items()}
            for t in islice(told, len(batches)):
                gradients = some.gradients({name: state[0] for name, state in states.items()}, *batches[t])
                rate = self.learning_rate * self.schedule(t, len(batches))
                for name, state in states.items():
                    l2 = begun.objective.l2_of(name)
                    gradient = torch.add(gradients[name], state[0], alpha=l2) if l2 else gradients[name]
                    states[name] = self.rule.step(state, gradient, rate, t)
            if not all(all_finite(state[0]) for state in states.values()):
                raise UsageError(f"Training with seed {seed} diverged; lower the learning rate.")
            yield from (Run({name: state[0][row].clone() for name, state in states.items()}) for row in range(len(some)))

    def _kept(self, problem: Problem, steps: int) -> set[int]:
        """All steps where their states fit into an eighth of the memory budget, otherwise about √T."""
        fitting = problem.budget // 8 // ((1 + self.rule.buffers) * problem.size * problem.dtype.itemsize)
        return _marks(steps, steps if fitting > steps else ceil(sqrt(steps)))

    def _gradient(self, problem: Problem, theta: Tensor, positions: np.ndarray, divisor: float) -> Tensor:
        return step_gradient(problem, theta, batch_of(problem, positions), divisor) if len(positions) else torch.zeros_like(theta)

    def _batches(self, problem: Problem, seed: int) -> Iterator[tuple[np.ndarray, float]]:
        """The positions of each step's examples, and what their losses are divided by."""
        n = problem.train.total
        place = np.full(n, -1)
        place[problem.train.rows] = np.arange(len(problem))
        generator = torch.Generator().manual_seed(seed)
        for _ in range(self.epochs):
            order = torch.randperm(n, generator=generator).numpy()
            for first in range(0, n, self.batch_size):
                planned = place[order[first : first + self.batch_size]]
                yield planned[planned >= 0], len(planned) * problem.normaliser / n


def _marks(steps: int, count: int) -> set[int]:
    """``count`` step numbers, evenly spread, the last among them."""
    return {ceil(steps * (k + 1) / count) for k in range(count)}


def _named(problem: Problem, theta: Tensor) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in problem.unflatten(theta.detach()).items()}
