"""LiSSA: its fixed point, its expectation, its scale, and what it says when it cannot work."""

import pytest
import torch
from helpers.problems import NAMES, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.curvature import External


def quadratic(size: int = 40) -> tuple[wf.Problem, Tensor]:
    """A matrix with eigenvalues from 1e-2 to 10."""
    basis = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
    model = nn.Linear(size, 1, bias=False, dtype=torch.float64).eval()
    p = wf.Problem.of(model, wf.squared_error(), (torch.randn(8, size), torch.randn(8)))
    return p, basis * torch.logspace(-2, 1, size, dtype=torch.float64) @ basis.T


@pytest.mark.parametrize("damping", [0.01, 0.1])
def test_the_fixed_point_is_the_damped_inverse_whatever_the_scale(damping: float) -> None:
    p, matrix = quadratic()
    vectors = torch.randn(40, 3, dtype=p.dtype)
    exact = torch.linalg.solve(matrix + damping * torch.eye(40, dtype=p.dtype), vectors)
    for scale in (None, 10.5, 50.0):
        found = wf.LiSSA(depth=30_000, scale=scale).fit(External(matrix, p), damping).solve(vectors)
        assert (found.x - exact).norm() < 1e-3 * exact.norm() and found.converged
        assert found.details["scale"] == pytest.approx(scale or 10 + damping, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_equals_exact_on_all_examples(name: str) -> None:
    p = problem(name).problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 4, dtype=p.dtype)
    found = wf.LiSSA(depth=3000).fit(operator, 0.05).solve(vectors)
    torch.testing.assert_close(found.x, wf.Exact().fit(operator, 0.05).solve(vectors).x, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["softmax", "ridge with weights", "mlp"])
def test_samples_give_the_whole_matrix_on_average(name: str) -> None:
    p = problem(name).problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 2, dtype=p.dtype)
    exact = wf.LiSSA(depth=100, scale=40.0).fit(operator, 0.1).solve(vectors).x
    runs = torch.stack([wf.LiSSA(depth=100, batch_size=4, seed=10_000 * seed, scale=40.0).fit(operator, 0.1).solve(vectors).x for seed in range(100)])
    errors = (runs.mean(0) - exact).abs() / (runs.std(0) / len(runs) ** 0.5 + 1e-12)
    assert float((errors < 3).double().mean()) > 0.97 and float(errors.median()) < 1.2


def test_repeats_are_averaged_and_their_error_is_told() -> None:
    p = problem("softmax").problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 2, dtype=p.dtype)
    settings = wf.LiSSA(depth=200, repeats=30, batch_size=2)
    found = settings.fit(operator, 0.1).solve(vectors)
    exact = wf.LiSSA(depth=200, scale=found.details["scale"]).fit(operator, 0.1).solve(vectors).x
    assert float((found.x - exact).norm() / exact.norm()) < 4 * found.details["relative standard error"] < 0.5
    assert found.details["damping of stopping early"] == pytest.approx(found.details["scale"] / 200)
    torch.testing.assert_close(found.x, settings.fit(operator, 0.1).solve(vectors).x, rtol=0, atol=0)


def test_stopping_early_acts_like_damping() -> None:
    p, matrix = quadratic()
    vectors = torch.randn(40, 3, dtype=p.dtype)
    found = wf.LiSSA(depth=200).fit(External(matrix, p), 0.0).solve(vectors)
    more = found.details["damping of stopping early"]
    damped, plain = (torch.linalg.solve(matrix + added * torch.eye(40, dtype=p.dtype), vectors) for added in (more, 0.0))
    assert (found.x - damped).norm() < 0.5 * (found.x - plain).norm()


def test_divergence_is_one_sentence() -> None:
    p, matrix = quadratic()
    with pytest.raises(wf.UsageError, match="diverges at step .* with scale 2"):
        wf.LiSSA(scale=2.0).fit(External(matrix, p), 0.0).solve(torch.randn(40, 1, dtype=p.dtype))
    with pytest.raises(wf.UsageError, match="below 0"):
        wf.LiSSA(depth=5000).fit(External(matrix - 0.05 * torch.eye(40, dtype=p.dtype), p), 0.0).solve(torch.randn(40, 1, dtype=p.dtype))


def test_a_hopeless_sample_is_warned_of() -> None:
    p, _ = quadratic()
    operator = wf.GaussNewton().fit(p)
    scale = 0.6 * wf.LiSSA(batch_size=1).fit(operator, 1e-3).solve(torch.randn(40, 1, dtype=p.dtype)).details["scale"]
    with pytest.warns(wf.solvers.SolverWarning, match="no better than 0; use more repeats"):
        wf.LiSSA(depth=300, batch_size=1, scale=scale).fit(operator, 1e-3).solve(torch.randn(40, 2, dtype=p.dtype))


def test_settings_that_make_no_step_are_refused() -> None:
    for wrong in ({"depth": 0}, {"repeats": 0}, {"batch_size": -1}, {"scale": 0.0}):
        with pytest.raises(wf.UsageError, match="makes no step"):
            wf.LiSSA(**wrong)  # pyright: ignore[reportArgumentType]


def test_a_curvature_of_zero_is_refused() -> None:
    p, matrix = quadratic()
    with pytest.raises(wf.UsageError, match="no scale follows"):
        wf.LiSSA().fit(External(0 * matrix, p), 0.0)
