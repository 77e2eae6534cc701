"""Moments streamed over runs equal those of all runs at once; drawn variances find the prior that made them."""

import numpy as np
import pytest

import wherefrom as wf
from wherefrom.uncertainty.run_statistics import RunMoments, shares, shrunken


def test_streamed_moments_are_those_of_all_runs() -> None:
    random = np.random.default_rng(0)
    runs = 1e3 + random.normal(size=(7, 2, 15)) * random.exponential(size=15)
    candidates = np.array([[3, 1, 14], [0, 2, 9]])
    moments = RunMoments(candidates, 15, 4)
    for run in runs:
        moments.add(run)
    assert moments.count == 7 and np.allclose(moments.mean, runs.mean(0)) and np.allclose(moments.variance(), runs.var(0, ddof=1))
    for row in range(2):
        differences = runs[:, row, candidates[row], None] - runs[:, row, None]
        assert np.allclose(moments.between(row), differences.var(0, ddof=1), atol=1e-9)
    for end, sign in (("proponents", 1), ("opponents", -1)):
        assert np.allclose(moments.inclusion(end), wf.metrics.inclusion(sign * runs, k=4).values)
    signed = RunMoments(candidates, 15, 4)
    for run in runs - 1e3:
        signed.add(run)
    assert np.allclose(signed.same_sign(), wf.metrics.signal_to_noise(runs - 1e3).sign_share)


def test_ties_keep_the_order_of_the_data() -> None:
    moments = RunMoments(np.zeros((1, 0), dtype=int), 5, 2)
    moments.add(np.array([[1.0, 2.0, 2.0, 2.0, 1.0]]))
    assert moments.hits["proponents"].tolist() == [[0, 1, 1, 0, 0]] and moments.hits["opponents"].tolist() == [[1, 0, 0, 0, 1]]


def test_what_cannot_be_added_is_refused() -> None:
    moments = RunMoments(np.zeros((1, 0), dtype=int), 3, 1)
    for bad in (np.array([[1.0, np.nan, 2.0]]), np.zeros((1, 4))):
        with pytest.raises(wf.UsageError, match="finite and of shape"):
            moments.add(bad)
    moments.add(np.zeros((1, 3)))
    with pytest.raises(wf.UsageError, match="make 2 or more"):
        moments.variance()


def test_shares_know_no_factor() -> None:
    values = np.random.default_rng(0).normal(size=(2, 9))
    assert np.allclose(shares(values), shares(3 * values)) and not shares(np.zeros((1, 4))).any()


def test_drawn_variances_find_their_prior() -> None:
    random = np.random.default_rng(0)
    mean = random.standard_t(3, 6000)
    true = (0.5 + mean**2) * 0.04 * 8 / random.chisquare(8, 6000)  # 8 degrees of freedom about a trend
    variance = true * random.chisquare(4, 6000) / 4
    found = shrunken(mean, variance, 4)
    assert found.weight == pytest.approx(8, rel=0.25) and found.freedom == found.weight + 4
    drawn = found.of(variance, found.prior)
    assert np.square(np.log(drawn / true)).mean() < 0.4 * np.square(np.log(variance / true)).mean()
    assert (drawn[np.abs(mean) > 3] / true[np.abs(mean) > 3]).mean() == pytest.approx(1, abs=0.35)


def test_drawing_knows_its_limits() -> None:
    random = np.random.default_rng(0)
    alike = shrunken(random.normal(size=400), random.chisquare(5, 400) / 5, 5)
    assert alike.weight == 15  # no more than thrice its own
    still = shrunken(random.normal(size=400), np.zeros(400), 5)
    assert still.weight == 0 and not still.of(np.zeros(400), still.prior).any()
