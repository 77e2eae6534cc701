"""The proximal Bregman response: its gradient, its minimum, and that influence is its linear form."""

import sys
from dataclasses import replace

import pytest
import torch
from helpers import reference
from helpers.problems import NAMES, problem

import wherefrom as wf
from wherefrom.retraining.pbrf import Response

SMOOTH = [name for name in NAMES if name != "hinge"]


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_at_the_parameters_is_that_of_the_group(name: str) -> None:
    p = problem(name).problem
    response = Response.of(p, [[2], [3, 7]], 0.1)
    g = reference.gradients(p) * p.weights[:, None] / p.normaliser
    found = response.at(response.start.repeat(2, 1), torch.arange(2))[1]
    torch.testing.assert_close(found, -torch.stack([g[2], g[3] + g[7]]), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["softmax", "ridge with weights", "mlp", "convolution"])
def test_the_minimum_is_one(name: str) -> None:
    p = problem(name).problem
    response = Response.of(p, [[0], [1, 2, 3]], 0.1)
    found = response.minimised(1e-9, 100, False)
    first = response.at(response.start.repeat(2, 1), torch.arange(2))[1].norm(dim=1)
    assert bool((response.at(found, torch.arange(2))[1].norm(dim=1) < 2e-9 * first).all())


@pytest.mark.parametrize("name", ["softmax", "ridge", "mlp", "reused layer", "convolution"])
def test_influence_by_gauss_newton_predicts_it(name: str) -> None:
    named = problem(name)
    p, damping = named.problem, 0.3 if name != "ridge" else 3.0  # a square has no end to its slope
    truth = wf.retraining.pbrf(p, {str(key): [key] for key in p.ids.tolist()}, named.queries, damping=damping, progress=False)
    scores = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact(), damping)), p, named.queries, progress=False)
    assert truth.unit == scores.unit
    assert wf.loo_correlation(scores, truth).pearson.value > 0.98


def test_a_large_change_settles_at_a_minimum_too() -> None:
    named = problem("mlp")
    louder = replace(named.problem, weights=named.problem.weights.clone())
    louder.weights[0] *= 3
    response = Response.of(louder, [[0], [1, 2]], 0.2)
    found = response.minimised(1e-7, 100, False)
    values = response.at(found, torch.arange(2))[0]
    assert bool((values < response.at(response.start.repeat(2, 1), torch.arange(2))[0]).all())
    for row in range(2):  # a minimum: no small move is lower
        moved = found + 1e-3 * torch.randn_like(found)
        assert float(response.at(moved, torch.arange(2))[0][row]) > float(values[row])


def test_iterative_solves_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    named = problem("mlp")
    groups = {"a": [0], "b": [1, 2]}
    exact = wf.retraining.pbrf(named.problem, groups, named.queries, damping=0.2, tolerance=1e-9, progress=False)
    monkeypatch.setattr(sys.modules["wherefrom.retraining.pbrf"], "DENSE", 0)
    iterative = wf.retraining.pbrf(named.problem, groups, named.queries, damping=0.2, tolerance=1e-9, progress=False)
    torch.testing.assert_close(iterative.change, exact.change, rtol=1e-6, atol=1e-9)


def test_what_does_not_settle_is_told() -> None:
    named = problem("mlp")
    with pytest.raises(wf.UsageError, match="2 of 2 responses did not settle in 1 steps; raise damping="):
        wf.retraining.pbrf(named.problem, {"a": [0], "b": [1]}, named.queries, max_steps=1, progress=False)
