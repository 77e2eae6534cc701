"""Recording a training loop of one's own: which examples each step used, at which rate, and a few of the states it passed through."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.run import Run
from wherefrom.retraining.train.recording import Recording, TrainingStep
from wherefrom.retraining.train.rules import SGD, Adam, Rate, Rule, State
from wherefrom.types import Ids

FEWEST = 16  # states kept before any are let go again


class RunRecorder:
    """Takes the steps of an optimiser and remembers them, so that :class:`wherefrom.UnrolledInfluence` can follow the run backwards.

    In the loop ``recorder.step(ids)`` stands for ``optimizer.step()``, with the ids of the batch whose mean loss was differentiated; after it
    ``recorder.run()`` is the run. Every √T-th state is kept. The optimiser is ``torch.optim.SGD``, ``Adam`` or ``AdamW`` over all parameters that
    require grad; learning rates may change from step to step and differ between groups. Its ``weight_decay`` is the objective's l2: where it is
    0 the loss itself is taken to hold the penalty. Raises :class:`UsageError` for what cannot be taken again.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.names = {value: name for name, value in model.named_parameters() if value.requires_grad}
        self.optimizer, self.rule = optimizer, _rule(optimizer)
        held = [value for group in optimizer.param_groups for value in group["params"]]
        strange = [name for value, name in self.names.items() if not any(value is other for other in held)]
        if strange:
            raise UsageError(f"The optimiser does not hold {strange[0]!r}, which requires grad; give it all of them, or turn requires_grad off.")
        self.decays = _spread(optimizer, list(self.names), [_coupled(optimizer, group) for group in optimizer.param_groups])
        self.steps: list[TrainingStep] = []
        self.kept: dict[int, State] = {0: self.rule.start(_flat(self.names))}
        self.stride = 1

    def step(self, ids: Ids) -> None:
        """Take the optimiser's step and remember that its gradient was the mean loss of these examples."""
        ids = np.asarray(ids)
        if not len(ids):
            raise UsageError("A step used no examples; give the ids of its batch.")
        self.steps.append(TrainingStep(ids.astype(np.int64) if ids.dtype.kind in "iu" else ids, self._rate(), float(len(ids))))
        self.optimizer.step()
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
        state, kept = self._state(), dict(self.kept)
        kept[len(self.steps)] = state
        penalty = self.decays if bool((self.decays > 0).any()) else problem.l2
        parameters = {name: value.detach().clone() for value, name in self.names.items()}
        return Run(parameters, record=Recording(self.rule, tuple(self.names.values()), tuple(self.steps), kept, penalty))

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


def _rule(optimizer: torch.optim.Optimizer) -> Rule:
    """The optimiser's update rule; its settings must be one and the same in all groups."""
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
    decays = {group["weight_decay"] for group in groups}
    if not _decoupled(optimizer):
        return Adam(groups[0]["betas"], groups[0]["eps"])
    if len(decays) > 1:
        raise UsageError("AdamW's groups differ in weight_decay; give all the same.")
    return Adam(groups[0]["betas"], groups[0]["eps"], decay=decays.pop())


def _decoupled(optimizer: torch.optim.Optimizer) -> bool:
    return isinstance(optimizer, torch.optim.AdamW) or bool(optimizer.param_groups[0].get("decoupled_weight_decay"))


def _coupled(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> float:
    """The weight decay that is part of the gradient."""
    return 0.0 if _decoupled(optimizer) else float(group["weight_decay"])


def _spread(optimizer: torch.optim.Optimizer, values: list[Tensor], numbers: list[float]) -> Tensor:
    """Each group's number for each entry of the values (d,)."""
    of = {value: number for group, number in zip(optimizer.param_groups, numbers, strict=True) for value in group["params"]}
    return torch.cat([torch.full((value.numel(),), of[value], dtype=value.dtype, device=value.device) for value in values])
