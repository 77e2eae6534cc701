"""Influence of gradients of length 1."""

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, problem

import wherefrom as wf


@pytest.mark.parametrize("name", CONVEX)
def test_scores_by_dense_solves(name: str) -> None:
    case = problem(name)
    g = reference.gradients(case.problem)
    m = case.problem.objective.sign * reference.gradients(case.problem, case.queries, measurement=True)
    solved = torch.linalg.solve(reference.gauss_newton(case.problem), m.T).T
    scores = wf.attribute(wf.methods.RenormalisedInfluence(wf.IHVP(damping=0.0)), case.problem, case.queries, progress=False)
    torch.testing.assert_close(scores.values, solved @ g.T / g.norm(dim=1), atol=1e-9, rtol=1e-7)
    assert scores.unit == "arbitrary"


def test_with_the_identity_it_ranks_as_the_cosine() -> None:
    case = problem("mlp")
    flat = wf.methods.RenormalisedInfluence(wf.IHVP(wf.curvature.Identity(), wf.Eigen(), damping=0.0))
    m = reference.gradients(case.problem, case.queries)
    cosine = wf.attribute(wf.GradientCosine(), case.problem, case.queries, progress=False).values
    found = wf.attribute(flat, case.problem, case.queries, progress=False).values
    ratio = found / (cosine * m.norm(dim=1, keepdim=True))
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio))


def test_an_almost_fitted_example_is_not_hidden() -> None:
    X, model = torch.randn(6, 3).double(), torch.nn.Linear(3, 1).double().eval()
    y = model(X).detach()[:, 0] + 1.0
    y[0] -= 1 - 1e-4  # its gradient is a ten-thousandth as long as the others'
    p = wf.Problem.of(model, wf.squared_error(l2=0.1), (X, y))
    ihvp, query = wf.IHVP(wf.curvature.Identity(), wf.Eigen(), damping=1.0).fit(p), (X[:1], y[:1] - 1)
    methods = wf.InfluenceFunction(ihvp), wf.methods.RenormalisedInfluence(ihvp)
    plain, renormalised = (wf.attribute(method, p, query, progress=False).values[0].abs() for method in methods)
    assert plain.argmax() != 0 and plain[0] < 1e-2 * plain.max() and renormalised.argmax() == 0


def test_an_example_without_gradient_scores_0() -> None:
    X = torch.tensor([[1.0], [2.0]]).double()
    p = wf.Problem.of(torch.nn.Linear(1, 1, bias=False).double().eval(), wf.squared_error(l2=0.1), (X, X)).at({"weight": torch.ones(1, 1)})
    assert wf.attribute(wf.methods.RenormalisedInfluence(), p, (X, X), progress=False).values.tolist() == [[0, 0], [0, 0]]
