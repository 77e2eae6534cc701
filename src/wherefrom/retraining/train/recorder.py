"""Recording a training loop of one's own: which examples each step used, at which rate, and a few of the states it passed through."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.run import Run
from wherefrom.retraining.train.recording import CLOSE, Recording, TrainingStep, batch_of
from wherefrom.retraining.train.rules import SGD, Adam, Rate, Rule, State
from wherefrom.retraining.train.shares import Probe, form_of
from wherefrom.retraining.train.trainer_callbacks import lightning_callback, trainer_callback
from wherefrom.types import Ids

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from transformers import TrainerCallback

FEWEST = 16  # states kept before any are let go again


class RunRecorder:
    """Takes the steps of an optimiser and remembers them, so that :class:`wherefrom.UnrolledInfluence` can follow the run backwards.

    In the loop ``recorder.step(ids)`` stands for ``optimizer.step()``, with the ids of the batch whose mean loss was differentiated; after it
    ``recorder.run()`` is the run. Under transformers' Trainer or Lightning's, :meth:`callback` or :meth:`lightning_callback` does it, with their
    optimiser. Every √T-th state is kept. The optimiser is ``torch.optim.SGD``, ``Adam`` or ``AdamW`` over all parameters that require grad; learning
    rates may change from step to step, and differ between groups as weight decays may. Its ``weight_decay`` is the objective's l2: where it is
    0 the loss itself is taken to hold the penalty. Raises :class:`UsageError` for what cannot be taken again.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        self.model = model
        self.steps: list[TrainingStep] = []
        self.parts: list[tuple[tuple[int, ...], int]] = []  # of each step under a trainer: the sizes of its micro-batches, and how many were planned
        self.probes: list[Probe] = []
        self.clipped: tuple[int, float] | None = None  # the first step that was, and to which length
        self.kept: dict[int, State] = {}
        self.stride = 1
        if optimizer is not None:
            self.begin(optimizer)

    def begin(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the optimiser, and the weights that the run starts from."""
        if self.steps:
            raise UsageError("This recorder holds a run already; make another for another run.")
        self.names = {value: name for name, value in self.model.named_parameters() if value.requires_grad}
        self.optimizer = optimizer
        held = [value for group in optimizer.param_groups for value in group["params"]]
        strange = [name for value, name in self.names.items() if not any(value is other for other in held)]
        if strange:
            raise UsageError(f"The optimiser does not hold {strange[0]!r}, which requires grad; give it all of them, or turn requires_grad off.")
        self.rule = _rule(optimizer, list(self.names))
        self.decays = _spread(optimizer, list(self.names), [_coupled(optimizer, group) for group in optimizer.param_groups])
        self.kept = {0: self.rule.start(_flat(self.names))}

    def callback(self, ids: Ids | None = None) -> "TrainerCallback":
        """Return a callback that records a run of transformers' Trainer; ``ids`` are those of the rows of its data set, by default 0..n-1.

        The gradient of a step may be a mean over its examples or tokens, over those of each micro-batch, or a sum of such means: which it was is
        found from the run's own gradients, when :meth:`run` is given the problem. Raises :class:`UsageError`, then, where it was none of them, as
        with dropout, or where a step was clipped (``max_grad_norm=0`` turns that off).
        """
        return trainer_callback(self, ids)

    def lightning_callback(self, ids: Ids | None = None) -> "Callback":
        """Return the same for Lightning's Trainer, with a module of one optimiser and automatic optimisation."""
        return lightning_callback(self, ids)

    def step(self, ids: Ids) -> None:
        """Take the optimiser's step and remember that its gradient was the mean loss of these examples."""
        if not self.kept:
            raise UsageError("The recorder has no optimiser; give it to RunRecorder(model, optimizer), or use callback() under a trainer.")
        if not len(np.asarray(ids)):
            raise UsageError("A step used no examples; give the ids of its batch.")
        self._remember(np.asarray(ids))
        self.optimizer.step()
        self.after_step()

    def before_step(self, ids: Ids, sizes: Sequence[int], planned: int, bound: float | None) -> None:
        """Remember a trainer's step that is about to be taken; gradients longer than ``bound`` are clipped."""
        ids, sizes = np.asarray(ids), tuple(sizes)
        if not len(ids):
            raise UsageError("No batch was drawn for a step; record a run whose data loader draws its batches anew each epoch, as trainers' own do.")
        gradient = self._gradient()
        if bound and self.clipped is None and float(gradient.norm()) >= bound * (1 - CLOSE[torch.float32]):
            self.clipped = (len(self.steps), bound)
        if not self.probes or (len(self.probes) == 1 and sizes != self.probes[0].sizes):
            self.probes.append(Probe(len(self.steps), _as_ids(ids), sizes, planned, _flat(self.names).clone(), gradient))
        self.parts.append((sizes, planned))
        self._remember(ids)

    def after_step(self) -> None:
        """Keep the state after a step, if its turn has come."""
        t = len(self.steps)
        if t % self.stride == 0:
            self.kept[t] = self._state()
        if len(self.kept) > max(FEWEST, 2 * round(t**0.5)):
            self.stride *= 2
            self.kept = {step: state for step, state in self.kept.items() if step % self.stride == 0}

    def run(self, problem: Problem) -> Run:
        """What was recorded, for the problem that was trained; to be attributed with ``problem.at(run.parameters)``."""
        if not self.steps:
            raise UsageError("No step was recorded; call recorder.step(ids) instead of optimizer.step().")
        if self.clipped is not None:
            step, bound = self.clipped
            raise UsageError(
                f"Step {step} was clipped to a gradient of length {bound:g}, which cannot be followed backwards; train without clipping."
            )
        state, kept = self._state(), dict(self.kept)
        kept[len(self.steps)] = state
        decayed = bool((self.decays > 0).any())
        penalty = self.decays if decayed else problem.l2
        parameters = {name: value.detach().clone() for value, name in self.names.items()}
        record = Recording(self.rule, tuple(self.names.values()), tuple(self.steps), kept, penalty)
        if self.parts:
            record = replace(record, steps=self._shared(record, problem.at(parameters), torch.zeros_like(penalty) if decayed else penalty))
        return Run(parameters, record=record)

    def _shared(self, record: Recording, problem: Problem, penalty: Tensor) -> tuple[TrainingStep, ...]:
        """The steps with the divisors of the form that the run's gradients have."""
        replay = record.of(problem)
        problem, places = replay.problem, replay.positions
        form = form_of(problem, self.probes, [places[probe.step] for probe in self.probes], penalty)
        steps = []
        for step, positions, (sizes, planned) in zip(self.steps, places, self.parts, strict=True):
            steps.append(replace(step, divisor=1 / form.shares(batch_of(problem, positions), sizes, planned)))
        return tuple(steps)

    def _remember(self, ids: np.ndarray) -> None:
        norm = torch.addcmul(self._gradient(), self.decays, _flat(self.names)).norm()
        self.steps.append(TrainingStep(_as_ids(ids), self._rate(), float(len(ids)), float(norm)))

    def _gradient(self) -> Tensor:
        return _flat(torch.zeros_like(value) if value.grad is None else value.grad for value in self.names)

    def _state(self) -> State:
        keys = ("momentum_buffer",) if isinstance(self.rule, SGD) else ("exp_avg", "exp_avg_sq")
        buffers = []
        for key in keys[: self.rule.buffers]:
            found = [self.optimizer.state.get(value, {}).get(key) for value in self.names]
            parts = [torch.zeros_like(value) if one is None else one for value, one in zip(self.names, found, strict=True)]
            buffers.append(_flat(parts))
        return (_flat(self.names), *buffers)

    def _rate(self) -> Rate:
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        if len(set(rates)) == 1:
            return rates[0]
        return _spread(self.optimizer, list(self.names), rates)


def _flat(values: Iterable[Tensor]) -> Tensor:
    """The optimiser's tensors as one vector, in its order."""
    return torch.cat([value.detach().reshape(-1) for value in values])


def _as_ids(ids: np.ndarray) -> np.ndarray:
    return ids.astype(np.int64) if ids.dtype.kind in "iu" else ids


def _rule(optimizer: torch.optim.Optimizer, values: list[Tensor]) -> Rule:
    """The optimiser's update rule; its settings must be one and the same in all groups, rates and weight decays aside."""
    groups = optimizer.param_groups
    kind = type(optimizer)
    if kind not in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        raise UsageError(f"{kind.__name__} cannot be followed backwards; train with torch.optim.SGD, Adam or AdamW.")
    wanted = ("momentum", "dampening", "nesterov") if kind is torch.optim.SGD else ("betas", "eps")
    for key in wanted:
        if any(group[key] != groups[0][key] for group in groups):
            raise UsageError(f"The optimiser's groups differ in {key}; give all the same, learning rates and weight decay alone may differ.")
    if any(group.get("amsgrad") or group.get("maximize") for group in groups):
        raise UsageError("amsgrad and maximize cannot be followed backwards; train without them.")
    if kind is torch.optim.SGD:
        return SGD(groups[0]["momentum"], groups[0]["dampening"], groups[0]["nesterov"])
    if not _decoupled(optimizer):
        return Adam(groups[0]["betas"], groups[0]["eps"])
    decays = [float(group["weight_decay"]) for group in groups]
    decay = decays[0] if len(set(decays)) == 1 else _spread(optimizer, values, decays)
    return Adam(groups[0]["betas"], groups[0]["eps"], decay=decay)


def _decoupled(optimizer: torch.optim.Optimizer) -> bool:
    return isinstance(optimizer, torch.optim.AdamW) or bool(optimizer.param_groups[0].get("decoupled_weight_decay"))


def _coupled(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> float:
    """The weight decay that is part of the gradient."""
    return 0.0 if _decoupled(optimizer) else float(group["weight_decay"])


def _spread(optimizer: torch.optim.Optimizer, values: list[Tensor], numbers: list[float]) -> Tensor:
    """Each group's number for each entry of the values (d,)."""
    of = {value: number for group, number in zip(optimizer.param_groups, numbers, strict=True) for value in group["params"]}
    return torch.cat([torch.full((value.numel(),), of[value], dtype=value.dtype, device=value.device) for value in values])
