"""Training on batches is deterministic, leaves N as it is, and equals torch's own loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.problems import mlp, problem

import wherefrom as wf
from wherefrom.retraining.train.descent import Descent


def test_it_equals_a_loop_with_torchs_optimiser() -> None:
    p = problem("mlp").problem
    run = wf.train.adam(2, 0.01, batch_size=7, schedule=wf.train.Cosine(0.2), start=wf.train.present)(p, 5)
    model = mlp().double()
    model.load_state_dict(p.state)
    optimiser = torch.optim.Adam(model.parameters(), 0.01, weight_decay=0.01)
    X, y = p.train.source.tree  # type: ignore[attr-defined]
    generator, schedule, t = torch.Generator().manual_seed(5), wf.train.Cosine(0.2), 0
    for _ in range(2):
        for rows in torch.randperm(len(X), generator=generator).split(7):
            optimiser.param_groups[0]["lr"] = 0.01 * schedule(t, 8)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimiser.step()
            t += 1
    for name, value in model.named_parameters():
        torch.testing.assert_close(run.parameters[name], value.detach(), rtol=1e-10, atol=1e-12)


def test_what_is_left_out_is_missing_from_its_batches_and_moves_no_other() -> None:
    p = problem("mlp").problem
    train = wf.train.sgd(3, 0.2, batch_size=5, momentum=0.9)
    weights = torch.ones(len(p), dtype=torch.float64)
    weights[[3, 11]] = 0
    left_out, weightless = train(p.without([3, 11]), 1), train(p.reweighted(weights), 1)
    for name, value in left_out.parameters.items():
        torch.testing.assert_close(value, weightless.parameters[name], rtol=1e-12, atol=1e-13)


def test_a_subset_of_its_own_divides_by_its_own_size() -> None:
    p = problem("softmax").problem
    train = wf.train.sgd(1, 0.2, batch_size=len(p), start=wf.train.present)  # one step of all
    half = p.subset(p.ids[::2])
    moved = train(half, 0).parameters["weight"] - p.parameters["weight"]
    batch = next(half.batches())
    parameters = {name: value.clone().requires_grad_() for name, value in p.parameters.items()}
    risk = half.losses(half.outputs(batch.inputs, parameters), batch).mean() + 0.025 * sum(v.square().sum() for v in parameters.values())
    torch.testing.assert_close(moved, -0.2 * torch.autograd.grad(risk, parameters["weight"])[0])


def test_seeds_give_other_starts_and_orders_and_the_same_seed_the_same_run() -> None:
    p = problem("mlp").problem
    train = wf.train.sgd(2, 0.1, batch_size=5)
    one, again, other = train(p, 0), train(p, 0), train(p, 1)
    assert all(value.equal(again.parameters[name]) for name, value in one.parameters.items())
    assert not any(value.equal(other.parameters[name]) for name, value in one.parameters.items())
    random = torch.get_rng_state()
    train(p, 0)
    assert torch.equal(random, torch.get_rng_state())


def test_batches_and_datasets_train_as_tensors_do() -> None:
    p = problem("mlp").problem
    X, y = p.train.source.tree  # type: ignore[attr-defined]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=9)
    train = wf.train.sgd(1, 0.1, batch_size=5)
    for data in (loader, list(loader), torch.utils.data.TensorDataset(X, y)):
        other = train(wf.Problem.of(p.model, p.objective, data), 2)
        assert all(value.equal(other.parameters[name]) for name, value in train(p, 2).parameters.items())


def test_checkpoints_are_spread_evenly_with_their_rates_and_the_last_is_the_end() -> None:
    p = problem("mlp").problem
    run = wf.train.sgd(4, 0.1, batch_size=6, checkpoints=4, schedule=wf.train.Linear())(p, 0)
    assert len(run.checkpoints) == 4 and np.allclose(run.learning_rates, [0.1 * (1 - t / 16) for t in (3, 7, 11, 15)])
    assert all(value.equal(run.checkpoints[-1][name]) for name, value in run.parameters.items())
    assert wf.attribute(wf.TracIn(run.checkpoints, run.learning_rates), p.at(run.parameters), problem("mlp").queries).values.shape == (3, 24)


def test_a_record_keeps_all_states_where_they_fit_and_about_root_t_otherwise() -> None:
    p = problem("mlp").problem
    kept = [wf.train.adam(6, batch_size=1, record=True)(replace(p, memory=memory), 0).record.kept for memory in ("1GB", "1MiB")]
    assert len(kept[0]) == 145 and list(kept[1]) == list(range(0, 145, 12))


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"learning_rate": 0.0}, {"batch_size": 0}, {"checkpoints": -1}])
def test_settings_that_train_nothing_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(wf.UsageError, match="Training needs"):
        wf.train.sgd(**{"epochs": 1, "learning_rate": 0.1, **settings})  # type: ignore[arg-type]


def test_divergence_is_told() -> None:
    with pytest.raises(wf.UsageError, match="lower the learning rate"):
        wf.train.sgd(60, 1e6, batch_size=5)(problem("ridge").problem, 0)


def test_settings_compare_and_print() -> None:
    assert wf.train.sgd(2, 0.1) == wf.train.sgd(2, 0.1) and isinstance(hash(wf.train.adam(3)), int)
    assert repr(wf.train.sgd(2, 0.1)).startswith("Descent(rule=SGD(") and isinstance(wf.train.adam(1), Descent)
