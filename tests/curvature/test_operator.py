"""Operators: symmetric, with a trace, and somebody else's matrix in their place."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.problems import NAMES, problem

import wherefrom as wf
from wherefrom.curvature import External, as_curvature
from wherefrom.curvature.operator import estimated_trace, written_out
from wherefrom.store import UnfinishedFit


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("curvature", [wf.Hessian(), wf.GaussNewton()])
def test_symmetric_with_the_right_trace(name: str, curvature: wf.curvature.Curvature) -> None:
    p = problem(name).problem
    operator = curvature.fit(p)
    matrix = written_out(operator)
    left, right = torch.randn(2, p.size, dtype=p.dtype)
    torch.testing.assert_close(left @ (operator @ right), right @ (operator @ left))
    mean = float(matrix.diagonal().mean())
    assert operator.mean_eigenvalue() == pytest.approx(mean, rel=0.5)
    assert operator.size == p.size


def test_the_trace_of_a_diagonal_is_exact() -> None:
    p = problem("ridge").problem
    operator = External(torch.diag(torch.arange(1.0, 6.0, dtype=p.dtype)), p)
    assert estimated_trace(operator) == pytest.approx(15)


def test_positive_definite_needs_l2_on_every_parameter() -> None:
    assert wf.GaussNewton().fit(problem("mlp").problem).positive_definite
    assert not wf.Hessian().fit(problem("mlp").problem).positive_definite
    assert wf.Hessian().fit(problem("softmax").problem).positive_definite
    assert not wf.Hessian().fit(problem("ridge, l2 on the weight alone").problem).positive_definite


def test_a_foreign_matrix_of_the_wrong_size_is_refused() -> None:
    p = problem("ridge").problem
    with pytest.raises(wf.UsageError, match="must be 5 × 5"):
        External(torch.eye(4, dtype=p.dtype), p).dense()
    assert External(np.eye(5), p).dense().shape == (5, 5)


def test_a_foreign_matrix_may_take_derivatives_of_its_own() -> None:
    class Double:
        def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
            points = torch.zeros_like(vectors, requires_grad=True)
            return torch.autograd.grad((points * 2 * vectors).sum(), points)[0]

    p = problem("ridge").problem
    with torch.no_grad():
        torch.testing.assert_close(External(Double(), p).dense(), 2 * torch.eye(5, dtype=p.dtype))


def test_a_foreign_matrix_that_fails_is_told_in_one_line() -> None:
    class Broken:
        def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no such product\nframe 1\nframe 2")

    with pytest.raises(wf.UsageError, match="no such product\\); it must be 5 × 5") as told:
        External(Broken(), problem("ridge").problem).dense()
    assert "\n" not in str(told.value)


def test_every_curvature_is_fitted_the_same_way(tmp_path: Path) -> None:
    p = problem("mlp").problem
    settings = [getattr(wf.curvature, name) for name in wf.curvature.__all__]
    kinds = [kind for kind in settings if isinstance(kind, type) and issubclass(kind, wf.curvature.Curvature) and not inspect.isabstract(kind)]
    assert len(kinds) == 10
    for kind in kinds:
        curvature = kind(torch.eye(p.size, dtype=p.dtype)) if kind is wf.curvature.ExternalCurvature else kind()
        resume = UnfinishedFit(tmp_path / kind.__name__, {}, every=0.0)
        torch.testing.assert_close(curvature.fit(p, resume).dense(), curvature.fit(p).dense(), rtol=0, atol=0)


def test_a_matrix_from_outside_is_a_curvature_that_follows_no_data() -> None:
    p = problem("softmax").problem
    given = torch.eye(p.size, dtype=p.dtype)
    curvature = as_curvature(given)
    assert as_curvature(curvature) is curvature and isinstance(curvature.fit(p), External)
    with pytest.raises(wf.UsageError, match="from outside cannot be fitted"):
        curvature.refit(p.without([0]))
    torch.testing.assert_close(wf.GaussNewton().refit(p).dense(), wf.GaussNewton().fit(p).dense(), rtol=0, atol=0)
