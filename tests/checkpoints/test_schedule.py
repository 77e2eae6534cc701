"""The rate before a schedule's last step: torch's own classes taken again, and forms through the rates known."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, lr_scheduler

from wherefrom.checkpoints.schedule import rate_at, rates_before


def warm(optimizer: SGD) -> Any:
    first = lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3)
    return lr_scheduler.SequentialLR(optimizer, [first, lr_scheduler.CosineAnnealingLR(optimizer, 9)], milestones=[3])


KINDS: dict[str, Callable[[SGD], Any]] = {
    "steps": lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.5),
    "milestones": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2, 5], 0.1),
    "exponential": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 7, 1e-3),
    "restarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2),
    "linear": lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 7),
    "polynomial": lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 7, 2.0),
    "constant": lambda optimizer: lr_scheduler.ConstantLR(optimizer, 0.5, 4),
    "sequence": warm,
}


@pytest.mark.parametrize("kind", KINDS)
def test_torch_schedules_are_taken_again(kind: str) -> None:
    weights = [torch.zeros((), requires_grad=True) for _ in range(2)]
    optimizer = SGD([{"params": weights[:1], "lr": 0.1}, {"params": weights[1:], "lr": 0.02}])
    schedule = KINDS[kind](optimizer)
    for _ in range(7):
        before = [group["lr"] for group in optimizer.param_groups]
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            schedule.step()
        assert rates_before(schedule.state_dict(), [0.1, 0.02]) == pytest.approx(before)


def test_functions_and_changed_rates_are_not_guessed() -> None:
    optimizer = SGD([torch.zeros((), requires_grad=True)], lr=0.1)
    own = lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    optimizer.step()
    own.step()
    assert rates_before(own.state_dict(), [0.1]) is None
    halved = lr_scheduler.StepLR(SGD([torch.zeros((), requires_grad=True)], lr=0.1), 1, 0.5).state_dict()
    assert rates_before({**halved, "last_epoch": 2, "_last_lr": [0.07]}, [0.1]) is None
    assert rates_before(halved, [0.1]) is None  # no step was taken


def linear(step: int) -> float:
    return step / 4 if step < 4 else (20 - step) / 16


def test_a_form_is_taken_where_it_is_the_only_one() -> None:
    assert rate_at(9, {5: linear(5), 10: linear(10), 20: 0.0}, {}, 20) == (pytest.approx(linear(9)), "")
    value, note = rate_at(9, {10: linear(10), 20: 0.0}, {}, 20)  # 10 of 16 steps of a warm-up, or past one of 4
    assert value == pytest.approx(linear(9)) and "several forms" in note
    assert rate_at(5, {6: 1.0, 12: 1.0}, {}, 20) == (1.0, "")


def test_logs_hold_the_step_taken_or_in_older_versions_the_next() -> None:
    rates = {step: 1 / (1 + step) for step in range(30)}
    stored = {10: rates[10], 20: rates[20]}
    assert rate_at(19, stored, {20: rates[19]}, 30) == (rates[19], "")
    value, note = rate_at(19, stored, {15: rates[15], 20: rates[20]}, 30)
    assert value == pytest.approx(rates[15] + 4 / 5 * (rates[20] - rates[15])) and "put between" in note


def test_what_is_not_known_is_said() -> None:
    assert rate_at(9, {10: 0.3}, {}, None) == (0.3, "the schedule is unknown; the next step's rate stands for it")
    assert rate_at(9, {10: 0.0}, {}, None) == (None, "its schedule is at 0 and no earlier rate is known")
