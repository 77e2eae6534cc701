"""Matrices written out, with damping, and their factor."""

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.solvers.dense import cholesky_factor, damped_matrix, solve_factored


def test_the_matrix_has_its_damping_on_the_diagonal() -> None:
    p = problem("mlp").problem.to(torch.float32)
    operator = wf.GaussNewton().fit(p)
    column = torch.rand(p.size, 1)
    matrix = damped_matrix(operator, column, 0, "This", "that")
    assert matrix.dtype == torch.float64
    torch.testing.assert_close(matrix, operator.dense().double() + column.double().flatten().diag())
    with pytest.raises(wf.UsageError, match=r"This needs .* GB for 43 parameters and may use .*; use that, choose fewer"):
        damped_matrix(operator, 0.0, p.budget + 1, "This", "that")


def test_what_rounding_may_have_made_definite_is_not() -> None:
    thin, eye = torch.randn(5, 3, dtype=torch.float64), torch.eye(5, dtype=torch.float64)
    nearly = thin @ thin.T + 1e-12 * eye
    assert cholesky_factor(nearly, torch.finfo(torch.float32).eps) is None and cholesky_factor(nearly, 0.0) is not None
    assert cholesky_factor(-nearly, 0.0) is None


def test_solutions_keep_the_type_of_the_vectors() -> None:
    thin, vectors = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2)
    matrix = thin @ thin.T + torch.eye(5, dtype=torch.float64)
    factor = cholesky_factor(matrix, torch.finfo(torch.float64).eps)
    assert factor is not None
    found = solve_factored(factor, vectors)
    assert found.dtype == torch.float32
    torch.testing.assert_close(matrix @ found.double(), vectors.double(), rtol=1e-5, atol=1e-5)
