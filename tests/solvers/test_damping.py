"""Damping chosen without retraining."""

import pytest
import torch
from helpers.problems import problem
from torch import nn

import wherefrom as wf


def noisy(n: int) -> wf.Problem:
    """More directions than n examples can tell about."""
    X = torch.randn(n, 30, dtype=torch.float64) * torch.logspace(0, -2, 30, dtype=torch.float64)
    y = (X[:, 0] + 0.3 * torch.randn(n, dtype=torch.float64) > 0).double()
    return wf.Problem.of(nn.Linear(30, 1, dtype=torch.float64).eval(), wf.binary_cross_entropy(), (X, y))


def test_fewer_examples_call_for_more_damping() -> None:
    torch.manual_seed(1)
    few, many = (wf.IHVP(damping="auto").fit(noisy(n)).curve for n in (40, 2000))
    assert few is not None and many is not None and few.chosen > 3 * many.chosen


@pytest.mark.parametrize(
    "settings",
    [
        wf.IHVP(wf.GaussNewton(), wf.Exact(), "auto"),
        wf.IHVP(wf.EKFAC(), wf.Eigen(), "auto"),
        wf.IHVP(wf.BlockDiagonal(), wf.CG(), "auto"),
        wf.IHVP(wf.GaussNewton(), wf.Arnoldi(), "auto"),
    ],
    ids=repr,
)
def test_the_curve_is_kept_and_the_chosen_multiple_used(settings: wf.IHVP) -> None:
    p = problem("mlp").problem
    fitted = settings.fit(p)
    curve = fitted.curve
    assert curve is not None and curve.chosen == curve.multiples[curve.criterion.index(min(curve.criterion))]
    assert curve.agreement[curve.multiples.index(curve.chosen)] == pytest.approx(1) and all(-1 <= a <= 1 + 1e-9 for a in curve.agreement)
    assert float(torch.as_tensor(fitted.damping).mean()) > 0 and "chosen" in str(curve)
    if settings.curvature == wf.GaussNewton():
        assert fitted.damping == pytest.approx(curve.chosen * fitted.operator.mean_eigenvalue())
    again = settings.fit(p)
    torch.testing.assert_close(again.damping, fitted.damping, rtol=0, atol=0)


def test_the_curve_is_saved(tmp_path: object) -> None:
    p = problem("mlp").problem
    fitted = wf.IHVP(wf.EKFAC(), wf.Eigen(), damping="auto").fit(p, out=f"{tmp_path}/ihvp")
    assert wf.IHVP.load(f"{tmp_path}/ihvp", p).curve == fitted.curve


def test_too_few_examples_and_unknown_words_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="'automatic' is unknown"):
        wf.IHVP(damping="automatic")  # pyright: ignore[reportArgumentType]
    p = problem("mlp").problem
    with pytest.raises(wf.UsageError, match="3 examples are too few"):
        wf.IHVP(damping="auto").fit(p.subset(p.ids[:3]))


def test_a_matrix_that_no_damping_mends_is_refused() -> None:
    p = problem("mlp").problem
    matrix = torch.diag(torch.linspace(-20, 10, p.size, dtype=p.dtype))
    with pytest.raises(wf.UsageError, match="No damping up to 3 x"):
        wf.IHVP(matrix, wf.Exact(), damping="auto").fit(p)
