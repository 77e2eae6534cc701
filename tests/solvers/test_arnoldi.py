"""Arnoldi: eigenvalues, an orthogonal basis, the whole space, and what is left out."""

import pytest
import torch
from helpers.problems import NAMES, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.curvature import External
from wherefrom.solvers.arnoldi import eigenpairs, krylov


def wide(size: int, dtype: torch.dtype = torch.float32) -> wf.Problem:
    return wf.Problem.of(nn.Linear(size, 1, bias=False, dtype=dtype).eval(), wf.squared_error(), (torch.randn(4, size), torch.randn(4)))


def spectrum(size: int, dtype: torch.dtype) -> Tensor:
    """A symmetric matrix with few large eigenvalues, many near 0 and some below."""
    basis = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]
    values = torch.cat([torch.linspace(50, 1, 40, dtype=torch.float64), torch.randn(size - 40, dtype=torch.float64) * 0.05])
    return (basis * values @ basis.T).to(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_space_is_exact(name: str) -> None:
    p = problem(name).problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 5, dtype=p.dtype)
    exact = wf.Exact().fit(operator, 0.05).solve(vectors).x
    found = wf.Arnoldi(iterations=p.size, complement="damping").fit(operator, 0.05).solve(vectors)
    torch.testing.assert_close(found.x, exact, rtol=1e-6, atol=1e-8)
    assert found.residual.max() < 1e-8 and found.iterations == p.size


def test_the_basis_stays_orthogonal_and_the_largest_eigenvalues_are_right_in_float32() -> None:
    p = wide(600)
    matrix = spectrum(600, torch.float32)
    basis, tridiagonal = krylov(External(matrix, p), 200, 0)
    assert float((basis @ basis.T - torch.eye(200)).abs().max()) < 1e-5
    torch.testing.assert_close((basis @ matrix @ basis.T).double(), tridiagonal, atol=1e-3, rtol=0)
    values, _ = eigenpairs(External(matrix, p), 200, 0)
    true = torch.linalg.eigvalsh(matrix.double()).flip(0)
    assert float(((values[:20] - true[:20]) / true[:20]).abs().max()) < 1e-4


def test_a_space_that_closes_early_goes_on() -> None:
    p = wide(30, torch.float64)
    matrix = torch.diag(torch.tensor([5.0] * 10 + [1.0] * 20, dtype=torch.float64))
    values, vectors = eigenpairs(External(matrix, p), 30, 0)
    torch.testing.assert_close(values, torch.diagonal(matrix))
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(30, dtype=torch.float64))


def test_what_is_left_out_is_told() -> None:
    p = wide(200, torch.float64)
    matrix = spectrum(200, torch.float64)
    vectors = torch.randn(200, 3, dtype=torch.float64)
    found = wf.Arnoldi(iterations=200, rank=20).fit(External(matrix, p), 0.1).solve(vectors)
    values, basis = torch.linalg.eigh(matrix)
    top = basis[:, -20:]
    torch.testing.assert_close(found.x, top / (values[-20:] + 0.1) @ top.T @ vectors, rtol=1e-6, atol=1e-8)
    assert found.details["eigenvalues kept"] == 20 and found.details["negative ones dropped"] == int((values < 0).sum()) > 0
    assert found.details["least kept"] == pytest.approx(float(values[-20]))
    assert found.details["share of the squared length kept"] == pytest.approx(float((top.T @ vectors).square().sum() / vectors.square().sum()))


@pytest.mark.parametrize("rank", [None, 10])
def test_negative_eigenvalues_give_no_nan(rank: int | None) -> None:
    """dattri 0.3.0 takes square roots of the negative eigenvalues of an untrained network's Hessian."""
    case = problem("mlp")
    assert torch.linalg.eigvalsh(wf.Hessian().fit(case.problem).dense())[0] < 0
    method = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Arnoldi(iterations=case.problem.size, rank=rank), damping=0.01))
    assert torch.isfinite(wf.attribute(method, case.problem, case.queries).values).all()
    assert (wf.self_influence(method, case.problem) >= 0).all()


def test_the_complement_taken_as_flat_is_nearer_the_truth() -> None:
    p = problem("mlp").problem
    operator, vectors = wf.GaussNewton().fit(p), torch.randn(p.size, 5, dtype=p.dtype)
    exact = wf.Exact().fit(operator, 0.05).solve(vectors).x
    plain, flat = (wf.Arnoldi(iterations=12, rank=8, complement=kept).fit(operator, 0.05).solve(vectors).x for kept in (None, "damping"))
    assert (flat - exact).norm() < 0.7 * (plain - exact).norm()


@pytest.mark.parametrize("complement", [None, "damping"])
@pytest.mark.parametrize("queries", [2, 9])
def test_products_and_self_influence_agree_with_solutions(complement: str | None, queries: int) -> None:
    named = problem("convolution")
    p = named.problem
    ihvp = wf.IHVP(wf.GaussNewton(), wf.Arnoldi(iterations=10, rank=4, complement=complement), damping=0.1).fit(p)  # pyright: ignore[reportArgumentType]
    from wherefrom.gradients import Gradients

    rows = Gradients(p).losses(next(p.batches(size=9)))
    asked, x = rows.select(slice(0, queries)), ihvp.solve(rows).x
    torch.testing.assert_close(ihvp.against(asked, len(p))(rows), asked.flat() @ x)
    torch.testing.assert_close(ihvp.apply(rows).flat(), x.T)
    torch.testing.assert_close(ihvp.quadratic(rows), (rows.flat() * x.T).sum(1))
    torch.testing.assert_close(ihvp.quadratic(rows, 2), x.square().sum(0))


def test_bad_settings_are_one_sentence() -> None:
    p = problem("mlp").problem
    operator = wf.GaussNewton().fit(p)
    with pytest.raises(wf.UsageError, match="keeps nothing"):
        wf.Arnoldi(rank=0)
    with pytest.raises(wf.UsageError, match="'flat' is unknown"):
        wf.Arnoldi(complement="flat")  # pyright: ignore[reportArgumentType]
    with pytest.raises(wf.UsageError, match="divides by the damping"):
        wf.Arnoldi(complement="damping").fit(operator, 0.0)
    with pytest.raises(wf.UsageError, match="one damping for all layers"):
        wf.Arnoldi().fit(operator, torch.ones(p.size, 1, dtype=p.dtype))
    with pytest.raises(wf.UsageError, match="is positive; use GaussNewton"):
        wf.Arnoldi().fit(External(-torch.eye(p.size, dtype=p.dtype), p), 0.1)
