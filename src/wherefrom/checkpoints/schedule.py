"""The learning rates of the steps before a checkpoint: what a file holds is the schedule's next rate, in which it has moved on already."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer, lr_scheduler

CLOSE = 1e-6  # of the largest rate, within which two rates are one
LONGEST = 2_000_000  # steps of a schedule that is taken again step by step

State = Mapping[str, Any]
Points = dict[int, float]  # steps taken before -> rate of the next step, in shares of the largest


def rates_before(schedule: State, bases: Sequence[float]) -> list[float] | None:
    """Return each group's rate before a torch schedule's last step, by taking its steps again; None for a schedule that is no class of torch's.

    ``schedule`` is its ``state_dict()``. Told apart by their settings; a schedule that does not come back to the rates kept is not used.
    """
    last = int(schedule.get("last_epoch", 0))
    if not 0 < last <= LONGEST:
        return None
    optimizer = torch.optim.SGD([{"params": [torch.zeros(())], "lr": float(base)} for base in bases])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = _built(schedule, optimizer)
        if again is None:
            return None
        before = [float(group["lr"]) for group in optimizer.param_groups]
        for _ in range(last):
            before = [float(group["lr"]) for group in optimizer.param_groups]
            optimizer.step()
            again.step()
    arrived = [float(group["lr"]) for group in optimizer.param_groups]
    return before if np.allclose(arrived, schedule["_last_lr"], rtol=CLOSE, atol=CLOSE * max(bases)) else None


def _built(state: State, optimizer: Optimizer) -> Any:
    """The schedule with the settings of a state, at its start."""
    if "_schedulers" in state and "_milestones" in state:
        parts = [_built(part, optimizer) for part in state["_schedulers"]]
        return None if None in parts else lr_scheduler.SequentialLR(optimizer, parts, list(state["_milestones"]))
    for kind, settings in _SETTINGS.items():
        if all(name in state for name in settings) and not any(name in state for name in _STRANGE):
            given = {name: sorted(state[name].elements()) if name == "milestones" else state[name] for name in settings}
            return kind(optimizer, **given)
    return None


_STRANGE = ("lr_lambdas", "patience", "max_lrs", "_schedule_phases")  # a function of one's own, a plateau, cycles
_SETTINGS: dict[Callable[..., Any], tuple[str, ...]] = {
    lr_scheduler.StepLR: ("step_size", "gamma"),
    lr_scheduler.MultiStepLR: ("milestones", "gamma"),
    lr_scheduler.CosineAnnealingWarmRestarts: ("T_0", "T_mult", "eta_min"),
    lr_scheduler.CosineAnnealingLR: ("T_max", "eta_min"),
    lr_scheduler.LinearLR: ("start_factor", "end_factor", "total_iters"),
    lr_scheduler.PolynomialLR: ("power", "total_iters"),
    lr_scheduler.ConstantLR: ("factor", "total_iters"),
    lr_scheduler.ExponentialLR: ("gamma",),
}  # a schedule whose settings hold another's stands before it


def rate_at(step: int, stored: Points, logged: Points, total: int | None) -> tuple[float | None, str]:
    """Return a function-made schedule's rate of the step taken after ``step`` others, and what is not sure of it, in shares of the largest rate.

    ``stored``: rates that checkpoints hold, of the steps to be taken next. ``logged``: a Trainer's log, step -> rate, of the step just taken, or
    in older versions of the next one. ``total``: the steps planned. A rate that is logged is taken; else the schedule's form is looked for among
    linear, cosine and constant ones with a warm-up that pass through every rate known; else the rate lies between its neighbours'.
    """
    if stored and all(abs(rate - 1) < CLOSE for rate in (*stored.values(), *logged.values())):
        return 1.0, ""
    for before in (1, 0):
        known = _merged(stored, {count - before: rate for count, rate in logged.items()})
        if before and any(abs(stored.get(count, np.inf) - rate) < CLOSE for count, rate in logged.items()):
            continue  # a log of the next steps' rates
        if known is None:
            continue
        if step in known:
            return known[step], ""
        if total and (forms := _by_form(step, known, total)):
            sure = max(forms) - min(forms) < CLOSE
            return forms[
                0
            ], "" if sure else "several forms of schedule pass through the rates known; a linear one with a short warm-up is taken if it does"
        below, above = (max((t for t in known if t < step), default=None), min((t for t in known if t > step), default=None))
        if below is not None and above is not None:
            share = (step - below) / (above - below)
            return known[below] + share * (
                known[above] - known[below]
            ), "the schedule is unknown; its rate is put between those known before and after"
    after = stored.get(step + 1, 0.0)
    return (
        (after, "the schedule is unknown; the next step's rate stands for it")
        if after > 0
        else (None, "its schedule is at 0 and no earlier rate is known")
    )


def _merged(one: Points, other: Points) -> Points | None:
    """Both together; None where they contradict each other."""
    if any(abs(one[step] - rate) > CLOSE for step, rate in other.items() if step in one):
        return None
    return {**one, **other}


def _by_form(step: int, known: Points, total: int) -> list[float]:
    """The rate at a step by every form and length of warm-up that passes through the rates known; the Trainer's own form, linear, first."""
    warm = np.arange(total + 1)[:, None]
    steps, rates = np.array([*known, step]), np.array(list(known.values()))
    rising = steps / np.maximum(warm, 1)
    past = np.clip((steps - warm) / np.maximum(total - warm, 1), 0, 1)
    values: list[float] = []
    for falling in (1 - past, (1 + np.cos(np.pi * past)) / 2, np.ones_like(past)):
        table = np.where(steps < warm, rising, falling)
        fitting = np.abs(table[:, :-1] - rates).max(1) < CLOSE
        values += table[fitting, -1].tolist()
    return values
