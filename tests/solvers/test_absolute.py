"""The inverse by eigenvalues in absolute value."""

from pathlib import Path

import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, problem

import wherefrom as wf


@pytest.mark.parametrize("name", CONVEX)
def test_is_the_exact_inverse_of_a_positive_definite_curvature(name: str) -> None:
    p = problem(name).problem
    vectors = torch.randn(p.size, 5, dtype=p.dtype)
    operator = wf.Hessian().fit(p)
    exact, found = (solver.fit(operator, 0.3).solve(vectors) for solver in (wf.Exact(), wf.solvers.Absolute(1e-6)))
    torch.testing.assert_close(found.x, exact.x, rtol=1e-8, atol=1e-10)
    assert found.converged and found.residual.max() < 1e-10


def test_only_directions_below_the_least_are_changed() -> None:
    p = problem("mlp").problem
    values, basis = torch.linalg.eigh(reference.hessian(p))
    assert values[0] < -1e-4
    least = 1e-3
    found = wf.solvers.Absolute(least).fit(wf.Hessian().fit(p), 0.0).solve(basis).x
    torch.testing.assert_close(found, basis / values.abs().clamp_min(least), rtol=1e-6, atol=1e-6 / least)


def test_what_it_cannot_invert_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="least=-1 is no size"):
        wf.solvers.Absolute(-1)
    X, y = torch.randn(6, 3, dtype=torch.float64), torch.zeros(6, dtype=torch.long)
    flat = wf.Problem.of(torch.nn.Linear(3, 2).double().eval(), wf.cross_entropy(), (X, y))
    with pytest.raises(wf.UsageError, match="an eigenvalue of 0; give least="):
        wf.solvers.Absolute().fit(wf.Hessian().fit(flat), 0.0)
    model = torch.nn.Linear(400, 2).eval()
    large = wf.Problem.of(model, wf.cross_entropy(l2=1), (torch.randn(4, 400), torch.tensor([0, 1, 0, 1])), memory="4MB")
    with pytest.raises(wf.UsageError, match=r"Absolute needs .* GB for 802 parameters.*CG"):
        wf.solvers.Absolute().fit(wf.Hessian().fit(large), 0.0)


def test_saved_and_loaded(tmp_path: Path) -> None:
    p = problem("mlp").problem
    fitted = wf.IHVP(wf.Hessian(), wf.solvers.Absolute(1e-3), damping=0.0).fit(p)
    fitted.save(tmp_path / "f")
    vectors = torch.randn(p.size, 3, dtype=p.dtype)
    assert torch.equal(wf.IHVP.load(tmp_path / "f", p).inverse.solve(vectors).x, fitted.inverse.solve(vectors).x)
