"""Update rules take the steps of torch's optimisers, and their derivatives are those of the steps."""

from typing import Any

import pytest
import torch
from torch import Tensor

from wherefrom.retraining.train.rules import SGD, Adam, Rule

RULES: dict[str, tuple[Rule, Any]] = {
    "sgd": (SGD(), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (SGD(0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "dampened": (SGD(0.9, 0.5), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, dampening=0.5)),
    "nesterov": (SGD(0.9, 0.0, True), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True)),
    "adam": (Adam(), lambda p: torch.optim.Adam(p, 0.1)),
    "adamw": (Adam((0.8, 0.95), 1e-6, decay=0.05), lambda p: torch.optim.AdamW(p, 0.1, (0.8, 0.95), 1e-6, 0.05)),
}
every_rule = pytest.mark.parametrize(("rule", "torchs"), RULES.values(), ids=RULES)


def gradient(theta: Tensor, t: int) -> Tensor:
    return torch.sin(3 * theta) + 0.1 * t


@every_rule
def test_steps_are_those_of_torch(rule: Rule, torchs: Any) -> None:
    theta = torch.linspace(-1, 1, 7, dtype=torch.float64)
    parameter = torch.nn.Parameter(theta.clone())
    optimiser, state = torchs([parameter]), rule.start(theta)
    for t in range(5):
        parameter.grad = gradient(parameter.detach(), t)
        optimiser.step()
        state = rule.step(state, gradient(state[0], t), 0.1, t)
    torch.testing.assert_close(state[0], parameter.detach(), rtol=1e-12, atol=1e-12)


@every_rule
@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("rate", [0.1, torch.linspace(0.05, 0.2, 7, dtype=torch.float64)], ids=["one rate", "a rate for each"])
def test_derivatives_are_those_of_the_step(rule: Rule, torchs: Any, count: int, rate: Any) -> None:
    torch.manual_seed(count)
    state = tuple(torch.rand(7, dtype=torch.float64, requires_grad=True) for _ in range(1 + rule.buffers))
    slope = torch.randn(7, dtype=torch.float64, requires_grad=True)
    after = rule.step(state, slope, rate, count)
    back, by_slope = [], []
    for _ in range(2):
        cotangents = tuple(torch.randn(7, dtype=torch.float64) for _ in state)
        found = torch.autograd.grad(after, [*state, slope], cotangents, retain_graph=True, materialize_grads=True)
        back.append((cotangents, found[:-1]))
        by_slope.append(found[-1])
    given = tuple(torch.stack(parts) for parts in zip(*(one for one, _ in back), strict=True))
    states, slopes = rule.pull_back(tuple(part.detach() for part in state), slope.detach(), rate, count, given)
    torch.testing.assert_close(slopes, torch.stack(by_slope))
    for mine, wanted in zip(states, zip(*(one for _, one in back), strict=True), strict=True):
        torch.testing.assert_close(mine, torch.stack(list(wanted)))


def test_an_entry_that_never_had_a_gradient_has_finite_derivatives() -> None:
    zero = torch.zeros(2, dtype=torch.float64)
    for root in (0.0, 1e-8):
        states, slopes = Adam(eps_root=root).pull_back(
            (zero, zero, zero), zero, 0.1, 0, tuple(torch.ones(1, 2, dtype=torch.float64) for _ in range(3))
        )
        assert all(part.isfinite().all() for part in (*states, slopes))
