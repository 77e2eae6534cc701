"""Inclusion probabilities and signal to noise: definitions, chance, and what runs that agree to the last bit give."""

import numpy as np
import pytest
import torch
from scipy import stats

import wherefrom as wf


def test_inclusion_counts_runs_with_wilsons_interval() -> None:
    values = np.random.default_rng(0).normal(size=(9, 2, 30))
    found = wf.metrics.inclusion(values, k=4)
    top = np.array([[(-row).argsort()[:4] for row in run] for run in values])
    expected = np.array([[(top[:, q] == i).any(1).mean() for i in range(30)] for q in range(2)])
    assert np.allclose(found.values, expected) and np.allclose(found.values.mean(1), found.chance) and found.chance == 4 / 30
    for hits in range(10):
        interval = stats.binomtest(hits, 9).proportion_ci(0.95, "wilson")
        there = np.isclose(expected, hits / 9)
        assert np.allclose(found.low[there], interval.low, atol=1e-12) and np.allclose(found.high[there], interval.high, atol=1e-12)


def test_constant_scores_have_no_top() -> None:
    values = np.random.default_rng(0).normal(size=(5, 2, 8))
    values[3, 1] = 0.7
    found = wf.metrics.inclusion(values, k=2)
    assert found.known.tolist() == [True, False] and set(found.values[1]) == {0.25} and found.low[1].max() == 0 and found.high[1].min() == 1


def test_runs_keep_their_ids() -> None:
    runs = [wf.Scores(torch.randn(2, 3), np.array(["x", "y"]), np.array(list("abc")), "arbitrary", "given") for _ in range(4)]
    assert wf.metrics.inclusion(runs, k=1).train_ids.tolist() == list("abc") and wf.metrics.signal_to_noise(runs).query_ids.tolist() == ["x", "y"]


def test_signal_to_noise_tells_how_often_two_runs_disagree() -> None:
    random = np.random.default_rng(0)
    for ratio, disagree in ((1.0, 0.27), (2.0, 0.04), (3.0, 0.003)):
        found = wf.metrics.signal_to_noise(ratio + random.normal(size=(40, 1, 3000)))
        assert found.ratio.value == pytest.approx(ratio, abs=0.06) and 1 - found.same_sign.value == pytest.approx(disagree, abs=0.006)
        assert found.ratio.low < found.ratio.value < found.ratio.high


def test_mean_and_interval_are_students() -> None:
    values = np.random.default_rng(0).normal(size=(6, 1, 4))
    found = wf.metrics.signal_to_noise(values)
    low, high = stats.t.interval(0.95, 5, values.mean(0), stats.sem(values, 0))
    assert np.allclose(found.low, low) and np.allclose(found.high, high)
    assert np.allclose(found.ratios, np.abs(values.mean(0)) / values.std(0, ddof=1))


def test_noise_gives_chance() -> None:
    drawn = [wf.metrics.signal_to_noise(np.random.default_rng(seed).normal(size=(5, 1, 400))) for seed in range(100)]
    for name in ("ratio", "same_sign"):
        values = np.array([getattr(one, name).value for one in drawn])
        assert abs(values.mean() - getattr(drawn[0], name).chance) < 3 * values.std(ddof=1) / 10 + 0.003, name


def test_runs_that_agree_to_the_last_bit_have_no_noise() -> None:
    same = wf.metrics.signal_to_noise(np.tile(np.array([[1.0, -2.0, 0.0]]), (4, 1, 1)))
    assert same.ratio.status == "undefined" and same.ratios.tolist() == [[np.inf, np.inf, 0.0]] and same.same_sign.value == pytest.approx(2 / 3)
    one = wf.metrics.signal_to_noise(np.ones((1, 1, 3)))
    assert one.ratio.status == "undefined" and not np.isnan(one.ratios).any()
    assert wf.metrics.signal_to_noise(np.random.default_rng(0).normal(size=(2, 1, 5))).ratio.status == "underpowered"


def test_what_lists_share() -> None:
    scores = np.array([[[5.0, 4, 3, 2, 1, 0]], [[5.0, 1, 4, 3, 2, 0]], [[4.0, 3, 5, 2, 1, 0]]])
    assert wf.metrics.shared_top(scores, k=2).ids == {0: (0,)}
    assert wf.metrics.shared_top(scores, k=2, share=0.6).ids == {0: (0, 2)} and wf.metrics.shared_top(scores, k=2, share=0.3).ids == {0: (0, 2, 1)}
    disjoint = wf.metrics.shared_top(np.stack([scores[0], -scores[0]]), k=2)
    assert disjoint.ids == {0: ()} and disjoint.count.value == 0
    assert wf.metrics.shared_top(scores, k=6).count.status == "vacuous"
    flat = wf.metrics.shared_top(np.ones((3, 2, 6)), k=2)
    assert flat.count.status == "undefined" and flat.ids == {0: (), 1: ()}
    with pytest.raises(wf.UsageError, match="share=0"):
        wf.metrics.shared_top(scores, k=2, share=0)


def test_random_lists_share_what_chance_says() -> None:
    found = wf.metrics.shared_top(np.random.default_rng(0).normal(size=(3, 400, 30)), k=10, share=0.6).count
    assert abs(found.value - found.chance) < 3 * (found.high - found.low) / 2 / 1.97
