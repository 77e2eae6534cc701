"""Gauss-Newton equals its definition, is never negative, and is the Hessian where outputs are linear in θ."""

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, NAMES, problem

import whence as wh


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
