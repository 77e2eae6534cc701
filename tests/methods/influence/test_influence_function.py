"""Influence functions against their dense formula and against retraining: sign, scale, regulariser, 1/N."""

from dataclasses import replace

import pytest
import torch
from helpers import reference
from helpers.problems import NAMES, problem
from torch import Tensor

import wherefrom as wf

NEWTON = wf.train.newton()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damping", [0.0, 0.2])
def test_equals_the_dense_formula(name: str, damping: float) -> None:
    case = problem(name)
    matrix = reference.gauss_newton(case.problem) + damping * torch.eye(case.problem.size, dtype=torch.float64)
    found = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact(), damping)), case.problem, case.queries)
    torch.testing.assert_close(found.values, reference.influence(case.problem, case.queries, matrix), rtol=1e-8, atol=1e-10)
    assert found.unit == "loss change"


@pytest.mark.parametrize("name", ["softmax", "mlp", "ridge with weights"])
def test_self_influence_is_the_diagonal(name: str) -> None:
    p = problem(name).problem
    method = wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact()))
    table = wf.attribute(method, p, p.train)
    torch.testing.assert_close(wf.self_influence(method, p), table.values.diagonal())
    torch.testing.assert_close(wf.self_influence(method, p, ids=[5, 2]), table.values.diagonal()[[5, 2]])


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge", "ridge with weights", "ridge, l2 on the weight alone", "hinge"])
def test_conventions_hold_against_retraining(name: str) -> None:
    """Slope and intercept, not correlation alone: that cannot see a wrong regulariser, scale or 1/N."""
    case = problem(name)
    p = case.problem.at(NEWTON(case.problem, 0).parameters)
    truth = wf.leave_one_out(p, p.ids, case.queries, NEWTON)
    linear = wf.loo_correlation(wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), 0.0)), p, case.queries), truth)
    assert linear.pearson.value > 0.95 and 0.5 < linear.slope.value <= 1.01, linear
    stepped = wf.loo_correlation(wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), 0.0), leverage=True), p, case.queries), truth)
    assert stepped.pearson.value > 0.99 and 0.9 < stepped.slope.value < 1.1 and stepped.sign.value > 0.95, stepped
    assert abs(stepped.intercept.value) < 0.02 * float(truth.change.abs().max()), stepped


def test_slope_is_one_for_small_changes() -> None:
    """With many examples the linear form's shortfall vanishes, and a factor of 1/N, of weights or of l2 would show."""
    torch.manual_seed(1)
    X, y = torch.randn(2000, 3, dtype=torch.float64), torch.randint(0, 3, (2000,))
    model = torch.nn.Linear(3, 3, dtype=torch.float64).eval()
    p = wf.Problem.of(model, wf.cross_entropy(l2=0.3), (X, y), weights=torch.rand(2000) + 0.5)
    p = p.at(NEWTON(p, 0).parameters)
    truth = wf.leave_one_out(p, p.ids[:40], (X[:3], y[:3]), NEWTON)
    found = wf.loo_correlation(wf.attribute(wf.InfluenceFunction(), p, (X[:3], y[:3])), truth)
    assert found.slope.value == pytest.approx(1, abs=0.01) and found.sign.value == 1 and found.pearson.value > 0.9999
    assert abs(found.intercept.value) < 1e-3 * float(truth.change.abs().max())


def margin(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.gather(1, targets[:, None])[:, 0] - outputs.mean(1)


@pytest.mark.parametrize("lower_is_better", [True, False])
@pytest.mark.parametrize("leverage", [True, False])
def test_a_measurement_of_ones_own_worsens_in_its_own_direction(lower_is_better: bool, leverage: bool) -> None:
    case = problem("softmax")
    objective = replace(case.problem.objective, measurement=margin, lower_is_better=lower_is_better)
    p = replace(case.problem, objective=objective)
    truth = wf.leave_one_out(p, p.ids, case.queries, NEWTON)
    scores = wf.attribute(wf.InfluenceFunction(leverage=leverage), p, case.queries)
    found = wf.loo_correlation(scores, truth)
    assert scores.unit == "measurement change" and found.pearson.value > 0.97 and found.slope.value > 0.5
    torch.testing.assert_close(wf.leave_one_out(case.problem, p.ids, case.queries, NEWTON).values.shape, truth.values.shape)


def test_a_fitted_ihvp_serves_every_method_with_the_same_numbers() -> None:
    case = problem("mlp")
    fitted = wf.IHVP(wf.GaussNewton(), wf.Exact()).fit(case.problem)
    fresh = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact())), case.problem, case.queries)
    again = wf.attribute(wf.InfluenceFunction(fitted), case.problem, case.queries)
    assert torch.equal(fresh.values, again.values)
    wf.attribute(wf.InfluenceFunction(fitted, leverage=True), case.problem, case.queries)
