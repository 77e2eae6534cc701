"""Adjusted p-values against definitions and scipy, and runs against power by simulation."""

import numpy as np
import pytest
from scipy import stats

import wherefrom as wf


def test_adjusted_p_values_are_those_of_scipy_and_of_the_definition() -> None:
    random = np.random.default_rng(0)
    for p in (random.random(20) ** 3, np.round(random.random(20), 1), np.array([0.3])):
        assert wf.metrics.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), abs=1e-12)
        for level in (0.01, 0.05, 0.3):
            rejected, order = set(), p.argsort(kind="stable")
            for step, place in enumerate(order):
                if p[place] > level / (len(p) - step):
                    break
                rejected.add(int(place))
            assert set(np.flatnonzero(wf.metrics.holm(p) <= level).tolist()) == rejected
    assert wf.metrics.holm(np.full((2, 3), 0.5)).shape == (2, 3)
    with pytest.raises(wf.UsageError, match="between 0 and 1"):
        wf.metrics.holm([0.1, float("nan")])


def test_runs_needed_have_the_power_that_was_asked() -> None:
    assert wf.metrics.runs_needed(0.009, 0.01) == 14 and wf.metrics.runs_needed(0.009, 0.02) == 5
    for paired in (False, True):
        runs, random = wf.metrics.runs_needed(1.0, 1.0, paired=paired), np.random.default_rng(0)
        shifted = random.normal(1, 1, (4000, runs))
        p = stats.ttest_1samp(shifted, 0, axis=1).pvalue if paired else stats.ttest_ind(shifted, random.normal(0, 1, (4000, runs)), axis=1).pvalue
        assert 0.78 < (p < 0.05).mean() < 0.87
    assert wf.metrics.runs_needed(1e-9, 1.0) == 2
    for deviation, effect in ((0, 1), (1, 0), (1, 1e-6)):
        with pytest.raises(wf.UsageError):
            wf.metrics.runs_needed(deviation, effect)


def test_the_smallest_difference_is_the_number_of_runs_turned_round() -> None:
    for paired in (False, True):
        for runs in (3, 5, 14, 60):
            least = wf.metrics.smallest_difference(0.02, runs, paired=paired)
            assert wf.metrics.runs_needed(0.02, least * 1.0001, paired=paired) <= runs < wf.metrics.runs_needed(0.02, least * 0.98, paired=paired) + 1
    assert wf.metrics.smallest_difference(0.0, 5) == 0
    assert wf.metrics.smallest_difference(0.009, 14) == pytest.approx(0.0099, abs=5e-4)  # a published table: 14 runs an arm see 1 point
    for deviation, runs in ((-1.0, 5), (float("nan"), 5), (1.0, 1)):
        with pytest.raises(wf.UsageError, match="2 or more runs"):
            wf.metrics.smallest_difference(deviation, runs)
