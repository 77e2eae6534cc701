"""The exact inverse, and where it says no."""

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, problem

import whence as wh
from whence.solvers.exact import Cholesky


@pytest.mark.parametrize("name", CONVEX)
def test_satisfies_its_equation(name: str) -> None:
    p = problem(name).problem
    vectors = torch.randn(p.size, 12, dtype=p.dtype)
    solution = wh.Exact().fit(wh.Hessian().fit(p), 0.3).solve(vectors)
    matrix = reference.hessian(p) + 0.3 * torch.eye(p.size, dtype=p.dtype)
    torch.testing.assert_close(matrix @ solution.x, vectors, rtol=1e-9, atol=1e-10)
    assert solution.converged and solution.residual.max() < 1e-10


def test_an_indefinite_curvature_is_refused() -> None:
    p = problem("mlp").problem
    with pytest.raises(wh.UsageError, match="not positive definite.*GaussNewton"):
        wh.Exact().fit(wh.Hessian().fit(p), 0.0)


def test_a_matrix_beyond_the_budget_is_refused() -> None:
    model = torch.nn.Linear(400, 2).eval()
    p = wh.Problem.of(model, wh.cross_entropy(l2=1), (torch.randn(4, 400), torch.tensor([0, 1, 0, 1])), memory="4MB")
    with pytest.raises(wh.UsageError, match=r"Exact needs .* GB for 802 parameters.*CG"):
        wh.Exact().fit(wh.Hessian().fit(p), 0.0)


def test_float32_problems_are_factored_in_float64() -> None:
    inverse = wh.Exact().fit(wh.Hessian().fit(problem("softmax").problem.to(torch.float32)), 0.0)
    assert isinstance(inverse, Cholesky) and inverse.factor.dtype == torch.float64
