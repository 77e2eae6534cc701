"""Intervals: what they are made of, and that they cover."""

import numpy as np
import pytest

from wherefrom.metrics.bootstrap import PerQuery, multiplicities, over_runs, percentiles, satterthwaite, student, two_way


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.random.default_rng(0).normal(size=8)
    without = np.array([np.delete(values, run).mean() for run in range(8)])
    found = over_runs("mean", values.mean(), without, bounds=(-9, 9))
    assert (found.low, found.high) == pytest.approx(student(values.mean(), values.std(ddof=1) / 8**0.5, 7))


def test_two_runs_have_no_interval() -> None:
    found = over_runs("x", 0.5, np.array([np.nan, np.nan]))
    assert found.status == "underpowered" and found.low is None and "2 runs" in found.reason
    lost = over_runs("x", 0.5, np.array([0.4, np.nan, 0.5]))
    assert lost.status == "underpowered" and lost.low is None


def test_satterthwaite_of_one_part_is_that_part() -> None:
    assert satterthwaite((4.0, 9)) == pytest.approx((2.0, 9)) and satterthwaite((4.0, 9), (0.0, 1)) == pytest.approx((2.0, 9))
    assert satterthwaite((1.0, 4), (1.0, 4)) == pytest.approx((2**0.5, 8)) and satterthwaite((0.0, 4), (0.0, 2)) == (0.0, 4)


def test_two_ways_see_what_all_queries_share() -> None:
    """The mean over queries of a mean over units: its deviation is that of the shared effect, which resampling queries alone would miss."""
    random = np.random.default_rng(0)
    table = random.normal(size=(1, 40)) + 0.1 * random.normal(size=(30, 40))
    drawn = two_way(lambda times: table @ times / 40, 30, 40, 0, False)
    assert drawn.std() == pytest.approx(table.mean(0).std() / 40**0.5, rel=0.1)
    assert np.array_equal(drawn, two_way(lambda times: table @ times / 40, 30, 40, 0, False))


def test_resamples_keep_the_size_and_lists_say_none() -> None:
    assert multiplicities(np.random.default_rng(0), 17).sum() == 17
    assert percentiles(np.array([np.nan])) == (None, None) and percentiles(np.arange(1001.0)) == pytest.approx((25, 975))
    assert PerQuery("x", np.array([1.0, np.nan]), "flat").listed() == (1.0, None)
    assert PerQuery("x", np.array([1.0]), "flat", same="whole").estimate().status == "vacuous"
