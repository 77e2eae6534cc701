"""Rank intervals: bounds by hand, the critical value, and the confidence that they promise."""

import numpy as np
import pytest
from scipy import stats

import wherefrom as wf
from wherefrom.uncertainty.ranks import critical, pairs_of, rank_bounds
from wherefrom.uncertainty.run_statistics import RunMoments, shrunken


def test_bounds_count_those_surely_above_and_below() -> None:
    centre, error = np.array([5.0, 4.0, 0.0, -1.0, 3.9]), np.full((5, 5), 1.0)
    low, high = rank_bounds(centre, error, np.arange(5), 1.5, 0.0)
    assert low.tolist() == [1, 1, 4, 4, 1] and high.tolist() == [3, 3, 5, 5, 3]
    ranks = wf.uncertainty.RankIntervals(low[None], high[None], 3, 0.95)
    assert ranks.core(3).tolist() == [[True, True, False, False, True]] and not ranks.core(2).any() and ranks.possible(2).sum() == 3
    with pytest.raises(wf.UsageError, match="k=4 is not between 1 and 3"):
        ranks.core(4)


def test_fewer_candidates_only_widen() -> None:
    random = np.random.default_rng(0)
    centre, error = random.normal(size=40), np.abs(random.normal(size=(40, 40)))
    low, high = rank_bounds(centre, error, np.arange(40), 1.0, 0.0)
    some = np.array([3, 17, 5])
    wide_low, wide_high = rank_bounds(centre, error[some], some, 1.0, 0.0)
    assert (wide_low <= low).all() and (wide_high >= high).all()


def test_equal_scores_are_never_told_apart() -> None:
    low, high = rank_bounds(np.array([1.0, 1.0 + 1e-16, 0.0]), np.zeros((3, 3)), np.arange(3), 2.0, 1e-15)
    assert low.tolist() == [1, 1, 3] and high.tolist() == [2, 2, 3]


def test_the_critical_value_is_bonferronis() -> None:
    assert pairs_of(10, 700) == 10 * 690 + 45 and pairs_of(1, 2) == 1
    for freedom in (3.5, 30.0):
        assert critical(10, 700, 0.95, freedom) == pytest.approx(stats.t.isf(0.05 / 6945, freedom))
    assert critical(10, 700, 0.95, np.inf) == pytest.approx(stats.norm.isf(0.05 / 6945))


@pytest.mark.parametrize("noise", ["alike", "unlike", "few directions", "heavy tails"])
@pytest.mark.parametrize("runs", [4, 10])
def test_the_core_is_right_at_the_level_stated(noise: str, runs: int) -> None:
    """Scores that are equal in truth: any core is false, and whatever is excluded is too."""
    random, n, k, wrong = np.random.default_rng(3), 200, 5, 0
    directions, deviations = random.normal(size=(4, n)), random.exponential(size=n)
    for _ in range(60):
        values = {
            "alike": random.normal(size=(runs, n)), "unlike": deviations * random.normal(size=(runs, n)),
            "few directions": random.normal(size=(runs, 4)) @ directions, "heavy tails": random.standard_t(5, size=(runs, n)),
        }[noise]  # fmt: skip
        candidates = (-values[0]).argsort()[: 2 * k]
        moments = RunMoments(candidates[None], n, k)
        for run in values:
            moments.add(run[None])
        drawn = shrunken(moments.mean[0], moments.variance()[0], runs - 1)
        between = drawn.of(moments.between(0), drawn.prior[candidates, None] + drawn.prior[None])
        low, high = rank_bounds(moments.mean[0], np.sqrt(between / runs), candidates, critical(k, n, 0.95, drawn.freedom), 0.0)
        wrong += bool((high <= k).any() or (low > k).any())
    assert wrong <= 60 * 0.05 + 2 * (60 * 0.05 * 0.95) ** 0.5
