"""The inverse by eigenvalues, its scores in the eigenbasis, and K-FAC as a preconditioner."""

import pytest
import torch
from helpers.layers import CASES, layer_problem
from helpers.problems import problem
from torch import nn

import wherefrom as wf
from wherefrom.curvature import BlockEigen
from wherefrom.curvature.eigen_inverse import EigenInverse
from wherefrom.gradients import Gradients, Rows


def wide(n: int = 60) -> wf.Problem:
    """Wide enough for scores in the eigenbasis to pay."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 20), nn.Tanh(), nn.Linear(20, 4)).double().eval()
    X = torch.randn(n, 40, dtype=torch.float64) * torch.logspace(0, -2, 40, dtype=torch.float64)
    return wf.Problem.of(model, wf.cross_entropy(), (X, torch.arange(n) % 4))


def rows_of(p: wf.Problem) -> Rows:
    return Gradients(p).losses(next(p.batches(size=len(p))))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("damping", [None, 0.3])
def test_it_solves_what_exact_solves(name: str, damping: float | None) -> None:
    p = layer_problem(name)
    eigen, exact = (wf.IHVP(wf.EKFAC(), solver, damping).fit(p) for solver in (wf.Eigen(tolerance=0), wf.Exact()))
    rows = rows_of(p)
    torch.testing.assert_close(eigen.apply(rows).flat(), exact.apply(rows).flat())
    for power in (1, 2):
        torch.testing.assert_close(eigen.quadratic(rows, power), exact.quadratic(rows, power))
    torch.testing.assert_close(eigen.against(rows, len(p))(rows), exact.against(rows, len(p))(rows))


@pytest.mark.parametrize("tolerance", [0.0, 0.003, 0.05])
def test_scores_in_the_eigenbasis_are_as_close_as_asked(tolerance: float) -> None:
    p = wide()
    ihvp = wf.IHVP(wf.EKFAC(), wf.Eigen(tolerance=tolerance)).fit(p)
    exact = wf.IHVP(wf.EKFAC(), wf.Exact()).fit(p)
    rows = rows_of(p)
    found, true = (one.against(rows.select(slice(0, 9)), 10_000)(rows) for one in (ihvp, exact))
    assert isinstance(ihvp.inverse, EigenInverse)
    few = ihvp.inverse.low_rank(0, 25)
    assert (few is not None and few.rows.shape[1] < 25) if tolerance else few is None
    assert (found - true).norm() <= max(2 * tolerance, 1e-9) * true.norm()


def test_more_queries_than_training_examples_stay_rows() -> None:
    """pyDVL 0.10's EK-FAC gives (7, 12) for 12 queries and 7 training examples."""
    p = wide(7)
    queries = (torch.randn(12, 40, dtype=torch.float64), torch.arange(12) % 4)
    found, true = (
        wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), solver)), p, queries).values for solver in (wf.Eigen(tolerance=0), wf.Exact())
    )
    assert found.shape == (12, 7)
    torch.testing.assert_close(found, true)


def test_only_a_curvature_with_eigenvalues_above_zero_will_do() -> None:
    p = problem("softmax").problem
    with pytest.raises(wf.UsageError, match="does not carry its eigenvalues"):
        wf.IHVP(wf.GaussNewton(), wf.Eigen()).fit(p)
    model = nn.Linear(4, 3).double().eval()
    flat = wf.Problem.of(model, wf.cross_entropy(), (torch.ones(5, 4, dtype=torch.float64), torch.arange(5) % 3))
    with pytest.raises(wf.UsageError, match="eigenvalues of 0 or below; give a damping above 0"):
        wf.IHVP(wf.EKFAC(), wf.Eigen(), damping=0.0).fit(flat)
    scores = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())), flat, (torch.ones(2, 4, dtype=torch.float64), torch.arange(2)))
    assert torch.isfinite(scores.values).all()


@pytest.mark.parametrize("rough", [wf.KFAC(), wf.EKFAC()])
def test_conjugate_gradients_are_preconditioned_by_it(rough: wf.curvature.Curvature) -> None:
    torch.manual_seed(0)
    X = torch.randn(500, 30, dtype=torch.float64) * torch.logspace(0, -2, 30, dtype=torch.float64)
    p = wf.Problem.of(nn.Linear(30, 4).double().eval(), wf.cross_entropy(), (X, torch.arange(500) % 4))
    vectors = rows_of(p).select(slice(0, 1)).flat().T
    plain, helped = (
        wf.IHVP(wf.GaussNewton(), solver, damping=1e-5).fit(p).inverse.solve(vectors) for solver in (wf.CG(), wf.CG(preconditioner=rough))
    )
    torch.testing.assert_close(helped.x, plain.x, rtol=1e-4, atol=1e-6)
    assert helped.iterations < plain.iterations / 2


def test_attribute_top_and_self_influence_take_it_like_any_other() -> None:
    p = wide()
    ihvp = wf.IHVP(wf.EKFAC(), wf.Eigen(tolerance=0)).fit(p)
    assert isinstance(ihvp.operator, BlockEigen)
    queries = next(p.batches(size=7))
    table = wf.attribute(wf.InfluenceFunction(ihvp), p, (queries.inputs, queries.targets))
    one = wf.attribute(wf.InfluenceFunction(ihvp), p, (queries.inputs, queries.targets), aggregate=True)
    torch.testing.assert_close(one.values, table.values.sum(0, keepdim=True))
    torch.testing.assert_close(wf.self_influence(wf.InfluenceFunction(ihvp), p)[:7], table.values.diagonal())
