"""Gauss-Newton equals its definition, is never negative, and is the Hessian where outputs are linear in θ."""

from dataclasses import replace

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, NAMES, problem

import whence as wh
from whence.curvature.draws import drawn_targets


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_dense_reference(name: str) -> None:
    p = problem(name).problem
    operator, true = wh.GaussNewton().fit(p), reference.gauss_newton(p)
    torch.testing.assert_close(operator.dense(), true, rtol=1e-9, atol=1e-11)
    vectors = torch.randn(p.size, 40, dtype=p.dtype)
    torch.testing.assert_close(operator @ vectors, true @ vectors, rtol=1e-9, atol=1e-10)
    assert torch.linalg.eigvalsh(operator.dense()).min() > -1e-12


@pytest.mark.parametrize("name", CONVEX)
def test_is_the_hessian_of_a_linear_model(name: str) -> None:
    p = problem(name).problem
    torch.testing.assert_close(wh.GaussNewton().fit(p).dense(), wh.Hessian().fit(p).dense(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_the_empirical_fisher_is_the_mean_square_of_gradients(name: str) -> None:
    p = problem(name).problem
    g = reference.gradients(p)
    true = (g * p.weights[:, None]).T @ g / p.normaliser + torch.diag(p.l2)
    torch.testing.assert_close(wh.EmpiricalFisher().fit(p).dense(), true, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hinge"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_fisher_is_the_mean_square_of_gradients_at_drawn_targets(name: str, size: int) -> None:
    p = problem(name).problem
    batch = reference.whole(p)
    total = torch.diag(p.l2)
    for draw in range(2):
        targets = drawn_targets(p, p.outputs(batch.inputs).detach(), batch, 3, draw)
        g = reference.gradients(wh.Problem.of(p.model, p.objective, (batch.inputs, targets), parameters=list(p.names)).at(p.state))
        total = total + (g * p.weights[:, None]).T @ g / p.normaliser / 2
    found = wh.Fisher(samples=2, seed=3).fit(replace(p, batch_size=size)).dense()
    torch.testing.assert_close(found, total, rtol=1e-9, atol=1e-11)


def test_the_fisher_of_many_draws_is_the_gauss_newton_matrix() -> None:
    p = problem("mlp").problem
    true = wh.GaussNewton().fit(p).dense()
    assert (wh.Fisher(samples=500).fit(p).dense() - true).norm() < 0.1 * true.norm()
