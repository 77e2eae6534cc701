"""A loop of one's own is recorded as the ready trainers record theirs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import N, Q, data
from torch import nn

import wherefrom as wf

Optimisers = dict[str, Callable[[Any], torch.optim.Optimizer]]
OPTIMISERS: Optimisers = {
    "SGD": lambda p: torch.optim.SGD(p, 0.1),
    "momentum, weight decay": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=0.01),
    "Adam": lambda p: torch.optim.Adam(p, 0.01),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    "decays by group": lambda p: torch.optim.AdamW([{"params": p[:1], "weight_decay": 0.5}, {"params": p[1:], "weight_decay": 0.0}], 0.01),
    "rates by group": lambda p: torch.optim.SGD([{"params": p[:1], "lr": 0.2}, {"params": p[1:]}], 0.05),
}


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.SiLU(), nn.Linear(5, 3)).double()


def trained(optimiser: Callable[[Any], torch.optim.Optimizer], weights: torch.Tensor, epochs: int = 5) -> tuple[nn.Module, wf.RunRecorder, Any, Any]:
    """A user's loop over batches of 6, its loss weighted."""
    model = network()
    torch.manual_seed(1)
    X, y = data(N, "class")
    X, queries = X.double(), tuple(part.double() if part.is_floating_point() else part for part in data(Q, "class"))
    recorder = wf.RunRecorder(model, optimiser(list(model.parameters())))
    for _ in range(epochs):
        for rows in torch.randperm(N).split(6):
            model.zero_grad()
            (nn.functional.cross_entropy(model(X[rows]), y[rows], reduction="none") @ weights[rows] / len(rows)).backward()
            recorder.step(rows.numpy())
    return model.eval(), recorder, (X, y), queries


@pytest.mark.parametrize("name", OPTIMISERS)
def test_influence_through_a_users_loop_is_what_reweighting_does(name: str) -> None:
    model, recorder, train, queries = trained(OPTIMISERS[name], torch.ones(N, dtype=torch.float64))
    p = wf.Problem.of(model, wf.cross_entropy(), train)
    scores = wf.attribute(wf.UnrolledInfluence(recorder.run(p)), p, queries)
    measured = []
    for step in (1e-4, -1e-4):
        weights = torch.ones(N, dtype=torch.float64)
        weights[7] += step
        model = trained(OPTIMISERS[name], weights)[0]
        with torch.no_grad():
            measured.append(nn.functional.cross_entropy(model(queries[0]), queries[1], reduction="none"))
    torch.testing.assert_close(scores.select([7])[:, 0], (measured[1] - measured[0]) / 2e-4, rtol=1e-4, atol=1e-9)


def test_about_root_t_states_are_kept() -> None:
    _, recorder, _, _ = trained(OPTIMISERS["Adam"], torch.ones(N, dtype=torch.float64), epochs=150)
    assert len(recorder.steps) == 600 and 24 <= len(recorder.kept) <= 50


def test_l2_in_the_loss_is_the_objectives() -> None:
    model, recorder, train, queries = trained(OPTIMISERS["momentum, weight decay"], torch.ones(N, dtype=torch.float64))
    plain, penalised = (wf.Problem.of(model, wf.cross_entropy(l2=l2), train) for l2 in (0.0, 0.01))
    one, other = (wf.attribute(wf.UnrolledInfluence(recorder.run(p)), p, queries).values for p in (plain, penalised))
    torch.testing.assert_close(one, other)


def test_what_the_record_cannot_know_is_refused_when_followed() -> None:
    """Clipped gradients are not those of the problem's loss."""
    model = network()
    X, y = data(N, "class")
    recorder = wf.RunRecorder(model, torch.optim.SGD(model.parameters(), 0.1))
    nn.functional.cross_entropy(model(X.double()), y).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    recorder.step(np.arange(N))
    p = wf.Problem.of(model.eval(), wf.cross_entropy(), (X.double(), y))
    with pytest.raises(wf.UsageError, match="without dropout.*clipping"):
        wf.attribute(wf.UnrolledInfluence(recorder.run(p)), p, (X[:2].double(), y[:2]))


def test_optimisers_that_cannot_be_followed_are_refused() -> None:
    model = network()
    parts = list(model.parameters())
    with pytest.raises(wf.UsageError, match="RMSprop cannot be followed"):
        wf.RunRecorder(model, torch.optim.RMSprop(parts, 0.1))
    with pytest.raises(wf.UsageError, match="differ in momentum"):
        wf.RunRecorder(model, torch.optim.SGD([{"params": parts[:1], "momentum": 0.5}, {"params": parts[1:]}], 0.1, momentum=0.9))
    with pytest.raises(wf.UsageError, match="amsgrad"):
        wf.RunRecorder(model, torch.optim.Adam(parts, amsgrad=True))
    with pytest.raises(wf.UsageError, match="does not hold '2.bias'"):
        wf.RunRecorder(model, torch.optim.SGD(parts[:3], 0.1))


def test_an_empty_step_and_an_empty_run_are_refused() -> None:
    model = network()
    recorder = wf.RunRecorder(model, torch.optim.SGD(model.parameters(), 0.1))
    X, y = data(N, "class")
    p = wf.Problem.of(model.eval(), wf.cross_entropy(), (X.double(), y))
    with pytest.raises(wf.UsageError, match="No step was recorded"):
        recorder.run(p)
    with pytest.raises(wf.UsageError, match="used no examples"):
        recorder.step([])
