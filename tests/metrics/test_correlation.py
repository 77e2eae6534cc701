"""loo_correlation: known values, intervals, and what is said where there is none."""

import numpy as np
import pytest
import torch
from scipy import stats

import wherefrom as wf


def pair(predicted: torch.Tensor, actual: torch.Tensor, unit: str = "loss change") -> tuple[wf.Scores, wf.retraining.Outcomes]:
    q, m = predicted.shape
    scores = wf.Scores(predicted, np.arange(q), np.arange(m), unit, "given")
    groups = {str(i): [i] for i in range(m)}
    return scores, wf.retraining.Outcomes(actual[None], torch.zeros(1, q), groups, np.arange(q), 1.0, "loss change")


def test_values_are_scipys() -> None:
    actual = torch.randn(2, 30).double()
    predicted = 0.8 * actual + 0.1 + 0.3 * torch.randn(2, 30).double()
    found = wf.loo_correlation(*pair(predicted, actual))
    x, y = actual.flatten().numpy(), predicted.flatten().numpy()
    line = stats.linregress(x, y)
    assert found.pearson.value == pytest.approx(stats.pearsonr(x, y)[0])
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y)[0])
    assert found.slope.value == pytest.approx(line.slope) and found.intercept.value == pytest.approx(line.intercept)
    assert found.sign.value == pytest.approx(np.mean(np.sign(x) == np.sign(y)))
    for estimate in found.estimates():
        assert estimate.low <= estimate.value <= estimate.high and estimate.n == 30 and estimate.status == "ok"
    assert "pearson" in str(found)


def test_intervals_cover() -> None:
    covered = 0
    for seed in range(60):
        torch.manual_seed(seed)
        actual = torch.randn(1, 60).double()
        slope = wf.loo_correlation(*pair(0.9 * actual + 0.2 * torch.randn(1, 60).double(), actual)).slope
        covered += slope.low <= 0.9 <= slope.high
    assert covered >= 52


def test_one_query_alone_and_groups_as_sums() -> None:
    actual = torch.randn(2, 20).double()
    scores, truth = pair(torch.stack([actual[0], -actual[1]]), actual)
    assert wf.loo_correlation(scores, truth, queries=0).pearson.value == pytest.approx(1)
    assert wf.loo_correlation(scores, truth, queries=1).slope.value == pytest.approx(-1)
    groups = {f"{i}": [i, i + 10] for i in range(10)}
    truth = wf.retraining.Outcomes((actual[:, :10] + actual[:, 10:])[None], torch.zeros(1, 2), groups, np.arange(2), 1.0, "loss change")
    assert wf.loo_correlation(scores, truth, queries=[0]).slope.value == pytest.approx(1)


def test_too_little_is_said_not_nan() -> None:
    actual = torch.randn(1, 5).double()
    few = wf.loo_correlation(*pair(actual, actual)).pearson
    assert few.status == "underpowered" and few.value == pytest.approx(1)
    two = wf.loo_correlation(*pair(actual[:, :2], actual[:, :2])).pearson
    assert two.status == "undefined" and two.value is None and "too few" in two.reason
    flat = wf.loo_correlation(*pair(actual, torch.ones(1, 5).double())).slope
    assert flat.status == "undefined" and "every true change is the same" in flat.reason


def test_arbitrary_units_rank_and_have_no_scale() -> None:
    actual = torch.randn(1, 20).double()
    found = wf.loo_correlation(*pair(100 * actual, actual, unit="arbitrary"))
    assert found.pearson.value == pytest.approx(1) and found.sign.value == 1
    assert found.slope.status == found.intercept.status == "undefined" and "arbitrary" in found.slope.reason


def test_units_and_ids_that_do_not_fit_are_refused() -> None:
    actual = torch.randn(1, 20).double()
    with pytest.raises(wf.UsageError, match="same measurement"):
        wf.loo_correlation(*pair(actual, actual, unit="measurement change"))
    with pytest.raises(wf.UsageError, match="Id 7 is not among"):
        wf.loo_correlation(*pair(actual, actual), queries=7)


def test_seeds_give_a_ceiling_that_a_perfect_prediction_reaches() -> None:
    true = torch.randn(4, 200).double()
    scores, truth = pair(true, true)
    noisy = wf.retraining.Outcomes(true + torch.randn(3, 4, 200), torch.zeros(3, 4), truth.groups, np.arange(4), 1.0, "loss change")
    found = wf.loo_correlation(scores, noisy).pearson
    assert found.ceiling == pytest.approx((3 / 4) ** 0.5, abs=0.03) and found.value == pytest.approx(found.ceiling, abs=0.04)
    assert wf.loo_correlation(scores, truth).pearson.ceiling is None


def test_outcomes_that_are_not_finite_are_refused() -> None:
    actual = torch.randn(1, 20).double()
    actual[0, 3] = float("nan")
    with pytest.raises(wf.UsageError, match="query 0 without group '3' is not finite"):
        wf.loo_correlation(*pair(torch.randn(1, 20), actual))
