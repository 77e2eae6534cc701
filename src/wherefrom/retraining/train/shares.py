"""What a recorded step's gradient was of its examples' losses: which mean, over which of them, found from the gradients that the run had.

Trainers differ, and so do models under one: the loss is a mean over a step's examples or tokens, over those of each micro-batch, or a sum of such
means (transformers' Trainer with gradient accumulation, for models that take loss arguments and make no use of them). All are Σᵢ sᵢ lossᵢ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.train.recording import batch_of, step_gradient

CLOSE = {torch.float32: 1e-3, torch.float64: 1e-6}  # of a gradient's length; some models take their loss in float32
IGNORED = -100  # the label of what is no target


@dataclass(frozen=True, eq=False)
class Probe:
    """A step whose weights and gradient were kept; ``sizes`` are those of its micro-batches, of which ``planned`` make a step."""

    step: int
    ids: np.ndarray
    sizes: tuple[int, ...]
    planned: int
    theta: Tensor = field(repr=False)
    gradient: Tensor = field(repr=False)


@dataclass(frozen=True)
class Form:
    """sᵢ = aᵢ / Σⱼ bⱼ, the sum over the step's examples or those of i's micro-batch, times the number of these, taken or planned.

    ``counts``: b is the number of targets, of those that follow another where ``shifted``, else 1. ``means``: a is b, for a loss that is a mean.
    """

    over: str  # "step", "parts", "mean of parts", "mean of planned parts"
    counts: bool = False
    shifted: bool = False
    means: bool = False

    def shares(self, batch: Batch, sizes: Sequence[int], planned: int) -> Tensor:
        """s (B,) of the examples of a step, micro-batch after micro-batch."""
        b = _counts(batch, self.shifted).to(batch.weights) if self.counts else torch.ones_like(batch.weights)
        part = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(b.device)
        sums = torch.zeros(len(sizes), dtype=b.dtype, device=b.device).index_add_(0, part, b)
        total = sums.sum() if self.over == "step" else sums[part]
        total = total * {"mean of parts": len(sizes), "mean of planned parts": planned}.get(self.over, 1)
        return (b if self.means else torch.ones_like(b)) / total.clamp_min(torch.finfo(b.dtype).tiny)


def form_of(problem: Problem, probes: Sequence[Probe], positions: Sequence[np.ndarray], penalty: Tensor) -> Form:
    """Return the form that gives the gradients of all probes; ``penalty`` (d,) is the l2 that the training loss itself held.

    Raises :class:`UsageError` where none does.
    """
    fitting, nearest = list(_forms(problem, batch_of(problem, positions[0][:1]))), float("inf")
    for probe, places in zip(probes, positions, strict=True):
        batch, theta = batch_of(problem, places), probe.theta.to(problem.device, problem.dtype)
        known: dict[tuple[float, ...], float] = {}
        passed = []
        for form in fitting:
            shares = form.shares(batch, probe.sizes, probe.planned)
            key = tuple(shares.tolist())
            if key not in known:
                known[key] = _error(step_gradient(problem, theta, batch, 1 / shares) + penalty * theta, probe.gradient)
            passed += [form] if known[key] <= CLOSE[problem.dtype] else []
        nearest = min(known.values())
        if not passed:
            raise UsageError(
                f"The gradient of step {probe.step} is no mean of the problem's loss over its examples (the nearest is {nearest:.2g} of its length "
                "away); train without dropout, augmentation, label smoothing, clipping and mixed precision, on the problem's own data and loss."
            )
        fitting = passed
    return fitting[0]


def _forms(problem: Problem, batch: Batch) -> Iterator[Form]:
    """The forms to look at; where several fit all probes they are alike, or the first is what trainers do."""
    counted = isinstance(batch.targets, Tensor) and batch.targets.dim() >= 2 and not batch.targets.is_floating_point()
    overs = ("step", "mean of parts", "mean of planned parts", "parts")
    if counted:
        for over, shifted, means in product(overs, (True, False), (False, True)):
            yield Form(over, True, shifted, means)
    for over in (*overs[1:], overs[0]):
        yield Form(over)


def _counts(batch: Batch, shifted: bool) -> Tensor:
    targets = batch.targets[:, 1:] if shifted else batch.targets
    return (targets != IGNORED).flatten(1).sum(1)


def _error(one: Tensor, other: Tensor) -> float:
    other = other.to(one)
    return float((one - other).norm() / other.norm().clamp_min(torch.finfo(one.dtype).tiny))
