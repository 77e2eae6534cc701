"""What a training run must leave so that every step of it can be taken again, and followed backwards."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch, joined
from wherefrom.data.sources import BatchSource
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.train.rules import Rate, Rule, State

SMALL = 1e-3  # a length of gradient below which its digits are not compared
CLOSE = {torch.float32: 1e-3, torch.float64: 1e-9}  # of a state's length, within which taking the steps again must come back to it


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """One step: g = Σ_{i in ids} (wᵢ / divisor) ∇lossᵢ + penalty θ, then the rule at this rate; one divisor for all, or one for each (B,).

    ``norm`` is the length of g in the run, where it was recorded.
    """

    ids: np.ndarray
    rate: Rate
    divisor: float | Tensor
    norm: float | None = None


@dataclass(frozen=True, eq=False)
class Recording:
    """The steps of a run and a few of its states; ``kept[t]`` is the state before step t, kept at least for the first and after the last.

    ``penalty`` (d,) is the strength of the l2 term in each step's gradient, ``names`` the parameters whose entries θ lists.
    """

    rule: Rule
    names: tuple[str, ...]
    steps: tuple[TrainingStep, ...]
    kept: Mapping[int, State]
    penalty: Tensor = field(repr=False)

    def __repr__(self) -> str:
        return f"Recording({self.rule}, {len(self.steps)} steps, {len(self.kept)} states)"

    def of(self, problem: Problem) -> "Replay":
        """The run on a problem that stands at its end. Raises :class:`UsageError` where it was a run of another."""
        if problem.names != self.names:
            raise UsageError(f"The run trained {', '.join(self.names)}; choose the same through parameters=.")
        theta, kinds = problem.flatten(problem.parameters), {value.dtype for value in problem.parameters.values()}
        if coarse := kinds - set(CLOSE):
            raise UsageError(f"Following a run backwards in {coarse.pop()} gives noise; train and attribute in float32 or float64.")
        if not _close(theta, self.kept[len(self.steps)][0].to(theta)):
            raise UsageError("The problem stands at other weights than the run ended at; give problem.at(run.parameters).")
        if isinstance(problem.train.source, BatchSource):  # which is read from its first batch on, while each step wants examples from anywhere
            problem = replace(problem, train=problem.train.in_memory())
        order = np.argsort(problem.ids, kind="stable")
        places = [_positions(problem.ids, order, step.ids) for step in self.steps]
        return Replay(self, problem, tuple(places))


@dataclass(frozen=True, eq=False)
class Replay:
    """A recorded run on its problem; ``positions`` are those of each step's examples among the problem's."""

    recording: Recording
    problem: Problem
    positions: tuple[np.ndarray, ...]

    def backwards(self) -> Iterator[tuple[int, State]]:
        """(t, the state before step t) from the last step to the first; those between the states kept come from taking the steps again."""
        rule, steps, kept = self.recording.rule, self.recording.steps, self.recording.kept
        for start, end in reversed(list(pairwise(sorted(kept)))):
            states = [kept[start]]
            for t in range(start, end - 1):
                states.append(rule.step(states[-1], self.gradient(states[-1][0], t), steps[t].rate, t))
            yield from ((t, states[t - start]) for t in range(end - 1, start - 1, -1))

    def check(self, t: int, state: State, gradient: Tensor) -> None:
        """Step t must have the length of gradient that it had, and where it ends at a state kept lead there. Raises :class:`UsageError` otherwise."""
        step, length = self.recording.steps[t], float(gradient.norm())
        # where examples cancel out, rounding is of the size of what they cancel; a step so small moves nothing
        unlike = step.norm is not None and abs(length - step.norm) > 10 * CLOSE[gradient.dtype] * max(length, step.norm, SMALL)
        if unlike or t + 1 in self.recording.kept:
            arrived = self.recording.rule.step(state, gradient, step.rate, t)[0]
            if unlike or not _close(arrived, self.recording.kept[t + 1][0]):
                raise UsageError(
                    f"Step {t}, taken again, does not lead to the recorded weights; each step's loss must be the problem's own over the examples "
                    "named, without dropout, batch norm in train mode, augmentation, clipping or mixed precision."
                )

    def batch(self, t: int) -> Batch:
        """The examples of step t."""
        return batch_of(self.problem, self.positions[t])

    def gradient(self, theta: Tensor, t: int) -> Tensor:
        """g of step t at θ (d,)."""
        return penalised(step_gradient(self.problem, theta, self.batch(t), self.recording.steps[t].divisor), theta, self.recording.penalty)


def step_gradient(problem: Problem, theta: Tensor, batch: Batch, divisor: float | Tensor) -> Tensor:
    """Σᵢ (wᵢ / divisor) ∇lossᵢ at θ (d,)."""
    with torch.enable_grad():
        parameters = {name: value.requires_grad_() for name, value in problem.unflatten(theta.detach()).items()}
        total = problem.losses(problem.outputs(batch.inputs, parameters), batch) @ (batch.weights / divisor)
        found = torch.autograd.grad(total, list(parameters.values()), materialize_grads=True)
    return problem.flatten(dict(zip(parameters, found, strict=True)))


def penalised(gradient: Tensor, theta: Tensor, penalty: Tensor) -> Tensor:
    """The gradient with that of the l2 term."""
    return torch.addcmul(gradient, theta, penalty) if bool(penalty.any()) else gradient


def batch_of(problem: Problem, positions: np.ndarray) -> Batch:
    """Some training examples as one batch, with their weights."""
    weights = problem.weights[torch.from_numpy(positions).to(problem.device)]
    return joined(problem.batches(problem.train.take(positions), size=len(positions), weights=weights))


def _positions(ids: np.ndarray, order: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    found = order[np.searchsorted(ids, wanted, sorter=order).clip(max=len(order) - 1)]
    missing = ids[found] != wanted
    if missing.any():
        raise UsageError(f"The run used example {wanted[missing][0]!s}, which is not among the problem's; give the problem that was trained.")
    return found


def _close(one: Tensor, other: Tensor) -> bool:
    return float((one - other).norm()) <= CLOSE[one.dtype] * float(other.norm())
