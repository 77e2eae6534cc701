"""Newton's method reaches the minimum, alone and for hundreds of reduced problems at once."""

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, named, problem

import wherefrom as wf


@pytest.mark.parametrize("name", CONVEX)
def test_reaches_a_gradient_norm_below_the_tolerance(name: str) -> None:
    p = problem(name).problem
    there = p.at(wf.train.newton(1e-10)(p, 0).parameters)
    theta = reference.theta_of(there).requires_grad_()
    assert float(torch.autograd.grad(reference.risk(there, theta), theta)[0].norm()) < 1e-10


@pytest.mark.parametrize("name", CONVEX)
def test_every_reduced_problem_reaches_it(name: str) -> None:
    p = problem(name).problem
    groups = [[0], [3, 4], list(range(12)), [23]]
    for ids, run in zip(groups, wf.train.newton(1e-10).without(p, groups), strict=True):
        reduced = p.without(ids).at(run.parameters)
        theta = reference.theta_of(reduced).requires_grad_()
        assert float(torch.autograd.grad(reference.risk(reduced, theta), theta)[0].norm()) < 2e-10


def test_descends_through_negative_curvature() -> None:
    start = problem("mlp").problem
    run = wf.train.newton(1e-9)(start, 0)
    theta = reference.theta_of(start.at(run.parameters)).requires_grad_()
    assert float(torch.autograd.grad(reference.risk(start, theta), theta)[0].norm()) < 1e-9


def test_a_problem_without_a_minimum_is_told() -> None:
    X, y = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0.0, 1.0]).double()
    p = named(torch.nn.Linear(1, 1, dtype=torch.float64), wf.binary_cross_entropy(), (X, y), (X, y)).problem
    with pytest.raises(wf.UsageError, match="Newton stopped at a gradient norm.*add l2"):
        wf.train.newton(1e-30, max_iterations=5)(p, 0)


def test_float32_problems_are_trained_in_float64() -> None:
    p = problem("softmax").problem.to(torch.float32)
    assert wf.train.newton()(p, 0).parameters["weight"].dtype == torch.float64
