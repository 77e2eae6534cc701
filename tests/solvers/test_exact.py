"""The exact inverse, and where it says no."""

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, problem

import wherefrom as wf
from wherefrom.solvers.exact import Cholesky


@pytest.mark.parametrize("name", CONVEX)
def test_satisfies_its_equation(name: str) -> None:
    p = problem(name).problem
    vectors = torch.randn(p.size, 12, dtype=p.dtype)
    solution = wf.Exact().fit(wf.Hessian().fit(p), 0.3).solve(vectors)
    matrix = reference.hessian(p) + 0.3 * torch.eye(p.size, dtype=p.dtype)
    torch.testing.assert_close(matrix @ solution.x, vectors, rtol=1e-9, atol=1e-10)
    assert solution.converged and solution.residual.max() < 1e-10


def test_an_indefinite_curvature_is_refused() -> None:
    p = problem("mlp").problem
    with pytest.raises(wf.solvers.NotPositiveDefinite, match="not positive definite.*GaussNewton"):
        wf.Exact().fit(wf.Hessian().fit(p), 0.0)


def test_a_matrix_beyond_the_budget_is_refused() -> None:
    model = torch.nn.Linear(400, 2).eval()
    p = wf.Problem.of(model, wf.cross_entropy(l2=1), (torch.randn(4, 400), torch.tensor([0, 1, 0, 1])), memory="4MB")
    with pytest.raises(wf.UsageError, match=r"Exact needs .* GB for 802 parameters.*CG"):
        wf.Exact().fit(wf.Hessian().fit(p), 0.0)


def test_float32_problems_are_factored_in_float64() -> None:
    inverse = wf.Exact().fit(wf.Hessian().fit(problem("softmax").problem.to(torch.float32)), 0.0)
    assert isinstance(inverse, Cholesky) and inverse.factor.dtype == torch.float64
