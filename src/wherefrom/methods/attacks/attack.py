"""The training-set attack (Koh & Liang 2017, section 5.2) as an audit: how few training examples, changed by how little, flip a prediction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.mixed_derivatives import real_input, with_real_input
from wherefrom.data.batches import Batch, joined
from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.methods.attacks.attacked import Arm, Attack, Attacked
from wherefrom.methods.attacks.ball import Ball
from wherefrom.methods.influence.perturbation_influence import Retraining
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining import Train
from wherefrom.retraining.retrain import measure_queries, parameters_of
from wherefrom.retraining.train import newton
from wherefrom.scores import positions_of
from wherefrom.solvers import IHVP, FittedIHVP
from wherefrom.types import Tree

Predict = Callable[[Tensor], Tensor]


def decided(outputs: Tensor) -> Tensor:
    """The class of each example (B,): the largest output, or whether a single one is above 0."""
    flat = outputs.reshape(len(outputs), -1)
    return flat.argmax(1) if flat.shape[1] > 1 else (flat[:, 0] > 0).long()


def attack(
    problem: Problem,
    queries: Queries,
    train: Train | None = None,
    ihvp: IHVP | FittedIHVP = IHVP(),
    *,
    count: int = 1,
    radius: float = 0.1,
    steps: int = 5,
    step_size: float | None = None,
    low: float = 0.0,
    high: float = 1.0,
    stop: bool = True,
    predict: Predict = decided,
    seed: int = 0,
    progress: bool = True,
) -> Attack:
    """Change up to ``count`` training inputs, each entry by at most ``radius``, so that each query's measurement worsens and its prediction flips.

    An audit of one's own model: how far predictions hang on few examples. For each query on its own the example whose ball allows the largest
    first-order worsening is taken, and x ← Π(x + step_size · sign(∂ worsening / ∂ x)) is repeated ``steps`` times or until nothing moves, ``train``
    (default ``wf.train.newton()``) being called after each, from where the last one ended; then another is added, and all are moved together, until
    the prediction flips, or with ``stop=False`` until ``count`` are changed. Labels stay. ``low`` and ``high`` bound the inputs; ``step_size`` is a
    quarter of the radius by default. The inverse is fitted once, at the problem's parameters; all else follows the retrained model. ``predict`` maps
    outputs to (B,) whole numbers: the largest output, or the sign of a single one. Each query has a control arm, random signs in the same ball.
    Raises :class:`UsageError` for inputs that are no real numbers or lie outside the bounds.
    """
    step_size, ball = radius / 4 if step_size is None else step_size, Ball(radius, low, high)
    if not (1 <= count <= len(problem) and steps >= 1 and step_size > 0):
        raise UsageError(f"count={count}, steps={steps}, step_size={step_size}: give 1 to {len(problem)} examples, 1 step or more, a size above 0.")
    _check_bounds(problem, ball)
    trained = Retrainable.of(problem, train or newton(), seed, predict)
    with torch.no_grad():
        path = Retraining.of(trained.rounded, ihvp.fit(problem))
    asked, search = problem.examples(queries), Search(trained, path, ball, count, steps, step_size, stop, seed)
    each = track(range(len(asked)), "attacking queries", len(asked), progress)
    return Attack(tuple(search.on(asked.take(np.array([row]))) for row in each), count, radius, problem.objective.unit)


@dataclass(frozen=True, eq=False)
class Retrainable:
    """A problem at the parameters of its last training, and how it is trained again with other inputs."""

    origin: Problem
    problem: Problem
    train: Train
    seed: int
    predict: Predict

    @classmethod
    def of(cls, problem: Problem, train: Train, seed: int, predict: Predict) -> "Retrainable":
        """Trained on the data as they are: what all later trainings are compared with."""
        return cls(problem, _at(problem, train(problem, seed)), train, seed, predict)

    @property
    def rounded(self) -> Problem:
        """In the floating type of the problem that was given."""
        return self.problem.to(self.origin.dtype)

    def again(self, ids: np.ndarray, inputs: Tree) -> "Retrainable":
        """Trained with other inputs, from the present parameters."""
        changed = self.origin.replaced(ids, inputs)
        found = _at(changed, self.train(changed.at(self.problem.parameters), self.seed))
        return Retrainable(self.origin, found, self.train, self.seed, self.predict)

    def asked(self, query: Examples) -> tuple[float, int]:
        """A query's measurement and prediction."""
        with torch.no_grad():
            outputs = self.problem.outputs(next(self.problem.batches(query)).inputs)
        return float(measure_queries(self.problem, self.problem.parameters, query)), int(self.predict(outputs)[0])


@dataclass(frozen=True, eq=False)
class Search:
    """Examples taken one by one, and projected sign steps on all that were taken."""

    start: Retrainable
    path: Retraining
    ball: Ball
    count: int
    steps: int
    step_size: float
    stop: bool
    seed: int

    def on(self, query: Examples) -> Attacked:
        """The attack on one query."""
        origin, now = self.start.origin, self.start
        ids, originals, moved = origin.ids[:0], torch.empty(0), torch.empty(0)
        aimed, random, steps = [now.asked(query)], [now.asked(query)], []
        while len(ids) < self.count and not (self.stop and aimed[-1][1] != aimed[0][1]):
            ids = np.append(ids, self._next(now, query, ids))
            inputs = joined(origin.batches(origin.train.select(ids))).inputs
            originals = real_input(inputs)
            now, moved, taken = self._moved(now, query, ids, inputs, torch.cat([moved.to(originals), originals[-1:]]))
            steps.append(taken)
            aimed.append(now.asked(query))
            random.append(self.start.again(ids, with_real_input(inputs, self.ball.random(originals, ids, self.seed))).asked(query))
        sign = origin.objective.sign
        return Attacked(query.ids[0].item(), ids, originals.cpu(), moved.cpu(), _arm(aimed, sign), _arm(random, sign), tuple(steps))

    def _next(self, now: Retrainable, query: Examples, taken: np.ndarray) -> Any:
        """The id whose ball allows the largest first-order worsening; the first of equals."""
        path, tangents = self._facing(now, query)
        batches = path.examples(path.problem.train, path.size(1))
        found = [(batch, self.ball.reach(self._worsening(path, batch, tangents), real_input(batch.inputs))) for batch in batches]
        reach = torch.cat([values for _, values in found]).cpu()
        positions = np.concatenate([batch.positions for batch, _ in found])
        reach = reach[torch.from_numpy(np.argsort(positions))]
        reach[torch.from_numpy(positions_of(taken, now.origin.ids, "training"))] = -torch.inf
        return now.origin.ids[int((reach == reach.max()).nonzero()[0])]

    def _moved(self, now: Retrainable, query: Examples, ids: np.ndarray, inputs: Tree, moved: Tensor) -> tuple[Retrainable, Tensor, int]:
        """Sign steps, the model trained again after each: that training, the inputs, and the steps that were taken."""
        originals = real_input(inputs)
        for step in range(self.steps):
            path, tangents = self._facing(now, query)
            slopes = self._worsening(path, joined(path.examples(path.problem.train.select(ids), path.size(1))), tangents)
            new = self.ball.project(moved + self.step_size * slopes.sign().to(moved), originals)
            if torch.equal(new, moved):
                return now, moved, step
            moved = new
            now = now.again(ids, with_real_input(inputs, moved))
        return now, moved, self.steps

    def _facing(self, now: Retrainable, query: Examples) -> tuple[Retraining, list[Tensor]]:
        path = self.path.at(now.rounded)
        return path, path.solved(query)

    def _worsening(self, path: Retraining, batch: Batch, tangents: list[Tensor]) -> Tensor:
        return self.start.origin.objective.sign * path.slopes(batch, tangents)[0]


def _arm(answers: list[tuple[float, int]], sign: float) -> Arm:
    return Arm(tuple(value for value, _ in answers), tuple(said for _, said in answers), sign)


def _at(problem: Problem, run: object) -> Problem:
    """The problem where a training came to, in that training's floating type."""
    parameters = parameters_of(run)
    return problem.to(next(iter(parameters.values())).dtype).at(parameters)


def _check_bounds(problem: Problem, ball: Ball) -> None:
    edges = [torch.stack(real_input(batch.inputs).aminmax()) for batch in problem.batches()]
    least, most = float(torch.stack(edges)[:, 0].min()), float(torch.stack(edges)[:, 1].max())
    if least < ball.low or most > ball.high:
        raise UsageError(f"The training inputs lie between {least:.4g} and {most:.4g}; give low= and high= that hold them.")
