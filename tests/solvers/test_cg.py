"""Block conjugate gradients."""

import pytest
import torch
from helpers.problems import NAMES, problem

import wherefrom as wf
from wherefrom.curvature import External


def spd(size: int, condition: float) -> torch.Tensor:
    basis = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
    return basis * torch.logspace(0, -torch.tensor(condition).log10().item(), size, dtype=torch.float64) @ basis.T


def wide_problem(size: int) -> wf.Problem:
    model = torch.nn.Linear(size, 1, bias=False, dtype=torch.float64).eval()
    return wf.Problem.of(model, wf.squared_error(l2=1e-3), (torch.randn(8, size), torch.randn(8)))


@pytest.mark.parametrize("name", NAMES)
def test_equals_exact(name: str) -> None:
    p = problem(name).problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 7, dtype=p.dtype)
    exact = wf.Exact().fit(operator, 0.01).solve(vectors)
    found = wf.CG().fit(operator, 0.01).solve(vectors)
    assert found.converged and found.residual.max() < 1e-9
    torch.testing.assert_close(found.x, exact.x, rtol=1e-6, atol=1e-8)


def test_many_right_hand_sides_share_one_space() -> None:
    p = wide_problem(120)
    operator = External(spd(120, 1e4), p)
    one = wf.CG(tolerance=1e-8).fit(operator, 0.0).solve(torch.randn(120, 1, dtype=p.dtype))
    many = wf.CG(tolerance=1e-8).fit(operator, 0.0).solve(torch.randn(120, 40, dtype=p.dtype))
    assert many.iterations < one.iterations / 4


def test_more_right_hand_sides_than_a_block_and_repeated_and_zero_ones() -> None:
    p = wide_problem(30)
    matrix = spd(30, 100)
    vectors = torch.cat([torch.randn(30, 150, dtype=p.dtype), torch.zeros(30, 2, dtype=p.dtype)], 1)
    vectors[:, 3] = vectors[:, 4]
    found = wf.CG(tolerance=1e-10).fit(External(matrix, p), 0.0).solve(vectors)
    torch.testing.assert_close(matrix @ found.x, vectors, rtol=1e-8, atol=1e-8)
    assert not found.x[:, 150:].any()


def test_more_right_hand_sides_than_parameters_are_all_solved() -> None:
    """pyDVL 0.10 has a tolerance for each of 8 parameters, zips them with 40 right-hand sides, and leaves the last 32 solutions 0."""
    p = wide_problem(8)
    matrix, vectors = spd(8, 100), torch.randn(8, 40, dtype=p.dtype)
    torch.testing.assert_close(matrix @ wf.CG().fit(External(matrix, p), 0.0).solve(vectors).x, vectors, rtol=1e-7, atol=1e-7)


def test_the_tolerance_counts_and_going_on_past_convergence_gives_no_nan() -> None:
    """dattri 0.3.0 ignores its tolerance: 30 parameters are solved after 30 iterations and NaN after 60."""
    p = wide_problem(30)
    matrix, vectors = spd(30, 100), torch.randn(30, 3, dtype=p.dtype)
    loose, tight = (wf.CG(tolerance=tolerance).fit(External(matrix, p), 0.0).solve(vectors) for tolerance in (0.1, 1e-10))
    assert loose.iterations < tight.iterations and loose.residual.max() > 10 * tight.residual.max()
    with pytest.warns(wf.solvers.SolverWarning):
        endless = wf.CG(tolerance=1e-300, max_iterations=90).fit(External(matrix, p), 0.0).solve(vectors)
    torch.testing.assert_close(endless.x, torch.linalg.solve(matrix, vectors))


def test_a_preconditioner_cuts_iterations() -> None:
    p = problem("mlp").problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 1, dtype=p.dtype)
    plain = wf.CG().fit(operator, 1e-3).solve(vectors)
    helped = wf.CG(preconditioner=wf.GaussNewton()).fit(operator, 1e-3).solve(vectors)
    assert helped.iterations <= 2 < plain.iterations
    torch.testing.assert_close(helped.x, plain.x, rtol=1e-6, atol=1e-8)


def test_too_few_iterations_are_told() -> None:
    p = wide_problem(60)
    with pytest.warns(wf.solvers.SolverWarning, match="stopped after 2 iterations.*allow more iterations"):
        solution = wf.CG(tolerance=1e-10, max_iterations=2).fit(External(spd(60, 1e5), p), 0.0).solve(torch.randn(60, 1, dtype=p.dtype))
    assert not solution.converged and solution.residual.max() > 1e-10


def test_negative_curvature_is_refused() -> None:
    p = problem("mlp").problem
    with pytest.raises(wf.UsageError, match="negative or no curvature"):
        wf.CG().fit(wf.Hessian().fit(p), 0.0).solve(torch.randn(p.size, 20, dtype=p.dtype))
