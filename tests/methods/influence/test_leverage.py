"""One Newton step for each example: exact for linear regression, closer than the linear form elsewhere."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.methods.influence.leverage import Leverage

NEWTON = wf.train.newton(1e-12)


@pytest.mark.parametrize("name", ["ridge", "ridge with weights", "ridge, l2 on the weight alone"])
def test_equals_the_closed_form_leave_one_out_of_ridge(name: str) -> None:
    """β without i from the normal equations: the one reference that needs neither the library nor an optimiser."""
    case = problem(name)
    p, (Xq, yq) = case.problem, case.queries
    X = torch.cat([reference.whole(p).inputs, torch.ones(len(p), 1, dtype=p.dtype)], 1)
    Xq = torch.cat([Xq, torch.ones(len(Xq), 1, dtype=p.dtype)], 1)
    y, w, N, l2 = reference.whole(p).targets, p.weights, p.normaliser, torch.diag(p.l2)

    def beta(weights: torch.Tensor) -> torch.Tensor:
        return torch.linalg.solve(2 * X.T @ (weights[:, None] * X) / N + l2, 2 * X.T @ (weights * y) / N)

    def losses(b: torch.Tensor) -> torch.Tensor:
        return (Xq @ b - yq).square()

    expected = torch.stack([losses(beta(w * (torch.arange(len(p)) != i))) - losses(beta(w)) for i in range(len(p))], 1)
    p = p.at(NEWTON(p, 0).parameters)
    ihvp = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0)
    found = wf.attribute(wf.InfluenceFunction(ihvp, leverage=True), p, case.queries)
    torch.testing.assert_close(found.values, expected, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(wf.leave_one_out(p, p.ids, case.queries, NEWTON).change, expected, rtol=1e-8, atol=1e-10)


def test_the_linear_form_is_the_step_shrunk_by_one_less_the_leverage() -> None:
    """Δθᵢ of the whole step = Δθᵢ of the linear form / (1 - hᵢ) in linear regression."""
    p = problem("ridge").problem
    fitted = wf.IHVP(wf.Hessian(), wf.Exact()).fit(p)
    batch = reference.whole(p)
    whole = Leverage.of(p, Gradients(p), fitted).parameter_change(batch)
    inverse = torch.linalg.inv(reference.hessian(p))
    linear = reference.gradients(p) @ inverse / len(p)
    X = torch.cat([batch.inputs, torch.ones(len(p), 1, dtype=p.dtype)], 1)
    h = 2 * ((X @ inverse) * X).sum(1) / len(p)
    torch.testing.assert_close(whole, linear / (1 - h)[:, None])


@pytest.mark.parametrize("name", ["softmax", "logistic", "mlp, last layer"])
def test_the_newton_step_solves_its_equation(name: str) -> None:
    p = problem(name).problem
    change = Leverage.of(p, Gradients(p), wf.IHVP(wf.Hessian(), wf.Exact(), 0.0).fit(p)).parameter_change(reference.whole(p))
    for row in range(4):
        reduced = p.without([row])
        step = torch.linalg.solve(reference.hessian(reduced), reference.gradients(p)[row] * p.weights[row] / p.normaliser)
        torch.testing.assert_close(change[row], step, rtol=1e-8, atol=1e-10)


def test_self_influence_is_the_diagonal() -> None:
    p = problem("softmax").problem
    method = wf.InfluenceFunction(leverage=True)
    torch.testing.assert_close(wf.self_influence(method, p), wf.attribute(method, p, p.train).values.diagonal())


def test_an_endless_step_is_refused() -> None:
    X, y = torch.eye(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    p = wf.Problem.of(torch.nn.Linear(3, 1, bias=False, dtype=torch.float64).eval(), wf.squared_error(), (X, y))
    with pytest.raises(wf.UsageError, match="step is endless"):
        wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0), leverage=True), p, (X, y))
