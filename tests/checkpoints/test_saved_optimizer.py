"""Saved optimisers: which number is which parameter, and when that cannot be told."""

from typing import Any

import pytest
import torch
from torch import nn, optim

from wherefrom.checkpoints.saved_optimizer import SavedOptimizer, TrainingFacts
from wherefrom.step_scales import step_scales


def stepped(kind: Any, groups: Any, model: nn.Module, **settings: Any) -> optim.Optimizer:
    optimizer = kind(groups, **settings)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(6, 3)).square().mean().backward()
        optimizer.step()
    return optimizer


def saved(optimizer: optim.Optimizer) -> SavedOptimizer:
    found = SavedOptimizer.of(optimizer.state_dict())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(optim.SGD, {"momentum": 0.9}), (optim.Adam, {"amsgrad": True}), (optim.AdamW, {}), (optim.RMSprop, {"centered": True}), (optim.Adagrad, {})],
)
def test_scales_are_those_of_the_live_optimiser(kind: Any, settings: dict[str, Any]) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    live = stepped(kind, model.parameters(), model, lr=0.1, **settings)
    expected, found = step_scales(model, live), saved(live).scales(model)
    assert expected is not None and found is not None and expected.keys() == found.keys()
    for name, scale in expected.items():
        torch.testing.assert_close(found[name], scale)


def test_groups_with_and_without_decay_and_names_of_their_own() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    decayed, rest = [model[0].weight, model[2].weight], [model[0].bias, *model[1].parameters(), model[2].bias]
    live = stepped(optim.AdamW, [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], model, lr=0.1)
    expected, found = step_scales(model, live), saved(live).scales(model)
    assert expected is not None and found is not None and all(torch.equal(found[name], scale) for name, scale in expected.items())
    named = stepped(optim.Adam, [(name, value) for name, value in reversed(list(model.named_parameters()))], model, lr=0.1)
    expected, found = step_scales(model, named), saved(named).scales(model)
    assert expected is not None and found is not None and all(torch.equal(found[name], scale) for name, scale in expected.items())


def test_numbers_that_fit_no_order_tell_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    live = stepped(optim.Adam, list(reversed(list(model.parameters()))), model, lr=0.1)
    assert saved(live).scales(model) is None
    part = stepped(optim.Adam, model[0].parameters(), model, lr=0.1)
    assert saved(part).scales(model) is None
    assert saved(stepped(optim.Adamax, model.parameters(), model, lr=0.1)).scales(model) is None
    assert SavedOptimizer.of({"state": {}, "param_groups": []}) is None and SavedOptimizer.of(3) is None


def test_tied_weights_go_by_each_name() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    found = saved(stepped(optim.Adam, model.parameters(), model, lr=0.1)).scales(model)
    assert found is not None and torch.equal(found["0.weight"], found["1.weight"])


def test_rates_that_differ_are_noted() -> None:
    groups = ({"lr": 0.1, "params": [0]}, {"lr": 0.01, "params": [1]})
    facts = TrainingFacts.of(SavedOptimizer(groups, {}), 3)
    assert facts.learning_rate == 0.1 and "learning rates 0.01 to 0.1, and 0.1 stands for all; take update='recorded'" in facts.notes[0]


def test_moments_of_adam_go_by_the_models_names() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    live = stepped(optim.AdamW, model.parameters(), model, lr=0.1)
    found = saved(live).adam_moments(model)
    assert found is not None and list(found) == [name for name, _ in model.named_parameters()]
    for name, value in model.named_parameters():
        assert torch.equal(found[name].first, live.state[value]["exp_avg"]) and found[name].steps == 3
    assert saved(stepped(optim.SGD, model.parameters(), model, lr=0.1)).adam_moments(model) is None
