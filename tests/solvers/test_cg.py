"""Block conjugate gradients."""

import pytest
import torch
from helpers.problems import NAMES, problem

import whence as wh
from whence.curvature import External


def spd(size: int, condition: float) -> torch.Tensor:
    basis = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
    return basis * torch.logspace(0, -torch.tensor(condition).log10().item(), size, dtype=torch.float64) @ basis.T


def wide_problem(size: int) -> wh.Problem:
    model = torch.nn.Linear(size, 1, bias=False, dtype=torch.float64).eval()
    return wh.Problem.of(model, wh.squared_error(l2=1e-3), (torch.randn(8, size), torch.randn(8)))


@pytest.mark.parametrize("name", NAMES)
def test_equals_exact(name: str) -> None:
    p = problem(name).problem
    operator, vectors = wh.GaussNewton().fit(p), torch.randn(p.size, 7, dtype=p.dtype)
    exact = wh.Exact().fit(operator, 0.01).solve(vectors)
    found = wh.CG().fit(operator, 0.01).solve(vectors)
    assert found.converged and found.residual.max() < 1e-9
    torch.testing.assert_close(found.x, exact.x, rtol=1e-6, atol=1e-8)


def test_many_right_hand_sides_share_one_space() -> None:
    p = wide_problem(120)
    operator = External(spd(120, 1e4), p)
    one = wh.CG(tolerance=1e-8).fit(operator, 0.0).solve(torch.randn(120, 1, dtype=p.dtype))
    many = wh.CG(tolerance=1e-8).fit(operator, 0.0).solve(torch.randn(120, 40, dtype=p.dtype))
    assert many.iterations < one.iterations / 4


def test_more_right_hand_sides_than_a_block_and_repeated_and_zero_ones() -> None:
    p = wide_problem(30)
    matrix = spd(30, 100)
    vectors = torch.cat([torch.randn(30, 150, dtype=p.dtype), torch.zeros(30, 2, dtype=p.dtype)], 1)
    vectors[:, 3] = vectors[:, 4]
    found = wh.CG(tolerance=1e-10).fit(External(matrix, p), 0.0).solve(vectors)
    torch.testing.assert_close(matrix @ found.x, vectors, rtol=1e-8, atol=1e-8)
    assert not found.x[:, 150:].any()


def test_a_preconditioner_cuts_iterations() -> None:
    p = problem("mlp").problem
    operator, vectors = wh.GaussNewton().fit(p), torch.randn(p.size, 1, dtype=p.dtype)
    plain = wh.CG().fit(operator, 1e-3).solve(vectors)
    helped = wh.CG(preconditioner=wh.GaussNewton()).fit(operator, 1e-3).solve(vectors)
    assert helped.iterations <= 2 < plain.iterations
    torch.testing.assert_close(helped.x, plain.x, rtol=1e-6, atol=1e-8)


def test_too_few_iterations_are_told() -> None:
    p = wide_problem(60)
    with pytest.warns(wh.SolverWarning, match="stopped after 2 iterations.*allow more iterations"):
        solution = wh.CG(tolerance=1e-10, max_iterations=2).fit(External(spd(60, 1e5), p), 0.0).solve(torch.randn(60, 1, dtype=p.dtype))
    assert not solution.converged and solution.residual.max() > 1e-10


def test_negative_curvature_is_refused() -> None:
    p = problem("mlp").problem
    with pytest.raises(wh.UsageError, match="negative or no curvature"):
        wh.CG().fit(wh.Hessian().fit(p), 0.0).solve(torch.randn(p.size, 20, dtype=p.dtype))
