"""Agreement of many runs: reference vectors, brute force, chance, coverage of the jackknife, degenerate cases."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

import wherefrom as wf


def noisy(runs: int, n: int, signal: float, seed: int, q: int = 1) -> np.ndarray:
    """Runs that share a signal of the given variance, beside noise of variance 1."""
    random = np.random.default_rng(seed)
    return signal**0.5 * random.normal(size=(1, q, n)) + random.normal(size=(runs, q, n))


def test_reference_vectors() -> None:
    w = wf.metrics.kendall_w([[1, 2, 3, 4], [1, 3, 2, 4], [2, 1, 3, 4]])
    assert w.value == pytest.approx(0.7778, abs=5e-5) and w.chance == pytest.approx(1 / 3)


def test_nogueira_is_the_mean_of_kuncheva_over_pairs() -> None:
    values = noisy(6, 40, 1.0, 0, q=5)
    pairs = [wf.metrics.agreement(values[i], values[j], k=7).kuncheva.value for i, j in combinations(range(6), 2)]
    assert wf.metrics.nogueira(values, k=7).value == pytest.approx(np.mean(pairs), abs=1e-12)


def test_nogueira_of_lists_is_its_definition() -> None:
    lists, n = [list("abc"), list("abd"), list("a"), list("cdef"), list("ab")], 20
    chosen = np.array([[key in one for key in "abcdefghijklmnopqrst"] for one in lists], dtype=float)
    share, size = chosen.mean(0), chosen.sum(1).mean() / n
    expected = 1 - (5 / 4 * share * (1 - share)).mean() / (size * (1 - size))
    assert wf.metrics.nogueira(lists, n=n).value == pytest.approx(expected, abs=1e-12)
    scores = [wf.Scores(torch.randn(4, n), np.arange(4), np.arange(n), "arbitrary", "given") for _ in range(5)]
    tops = [one.top(3) for one in scores]
    assert wf.metrics.nogueira(tops, n=n).value == pytest.approx(wf.metrics.nogueira(scores, k=3).value, abs=1e-12)


def test_kendall_w_is_friedmans_also_with_ties_and_the_mean_correlation() -> None:
    values = np.round(2 * noisy(4, 15, 1.0, 0))[:, 0]
    statistic = stats.friedmanchisquare(*values.T).statistic
    assert wf.metrics.kendall_w(values).value == pytest.approx(statistic / (4 * 14), abs=1e-12)
    untied = noisy(4, 15, 1.0, 0)[:, 0]
    rho = np.mean([stats.spearmanr(untied[i], untied[j]).statistic for i, j in combinations(range(4), 2)])
    assert wf.metrics.kendall_w(untied).value == pytest.approx((1 + 3 * rho) / 4, abs=1e-12)


def test_mean_kendall_is_the_mean_of_scipys_over_pairs() -> None:
    values = noisy(5, 20, 1.0, 0, q=3)
    each = [stats.kendalltau(values[i, q], values[j, q]).statistic for i, j in combinations(range(5), 2) for q in range(3)]
    assert wf.metrics.mean_kendall(values).value == pytest.approx(np.mean(each), abs=1e-12)


def test_icc_recovers_the_share_of_variance_and_sees_shifts() -> None:
    values = noisy(8, 4000, 3.0, 0)
    assert wf.metrics.icc(values).value == pytest.approx(0.75, abs=0.02) and wf.metrics.icc(values).name == "ICC(C,1)"
    assert wf.metrics.icc(values, of_mean=True).value == pytest.approx(24 / 25, abs=0.01)
    shifted = values + np.arange(8)[:, None, None]
    assert wf.metrics.icc(shifted).value == pytest.approx(wf.metrics.icc(values).value, abs=1e-12)
    assert wf.metrics.icc(shifted, absolute=True).value == pytest.approx(3 / (3 + 1 + np.arange(8).var(ddof=1)), abs=0.02)
    assert wf.metrics.runs_for_reliability(0.75, 24 / 25) == 8 and wf.metrics.runs_for_reliability(0.5, 0.9) == 9


def test_repeatability_bounds_the_difference_of_two_runs() -> None:
    values = 3.0 * np.random.default_rng(0).normal(size=(6, 1, 5000))
    found = wf.metrics.repeatability(values)
    assert found.value == pytest.approx(1.96 * 2**0.5 * 3, rel=0.02) and found.low < found.value < found.high
    assert np.mean(np.abs(values[0] - values[1]) < found.value) == pytest.approx(0.95, abs=0.01)


def test_random_runs_give_chance() -> None:
    drawn = [wf.metrics.stability(noisy(5, 30, 0.0, seed), k=6) for seed in range(60)]
    for name in ("nogueira", "kendall", "kendall_w", "icc"):
        values = np.array([getattr(one, name).value for one in drawn])
        assert abs(values.mean() - getattr(drawn[0], name).chance) < 3 * values.std(ddof=1) / len(values) ** 0.5, name


def test_the_jackknife_of_nogueira_covers_at_five_runs() -> None:
    """The full simulation, with others, is benchmarks/coverage.py."""
    signal = np.random.default_rng(9).normal(size=120)
    random = np.random.default_rng(0)
    truth = wf.metrics.nogueira(signal + random.normal(size=(800, 120)), k=12).value
    found = [wf.metrics.nogueira(signal + random.normal(size=(5, 120)), k=12) for _ in range(300)]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.93


def test_all_examples_are_vacuous_and_constant_runs_undefined() -> None:
    values = noisy(5, 12, 1.0, 0)
    assert wf.metrics.nogueira(values, k=12).status == "vacuous"
    assert wf.metrics.nogueira([["a", "b"]] * 3, n=2).status == "vacuous" and wf.metrics.nogueira([[], [], []], n=4).status == "undefined"
    for found in wf.metrics.stability(np.ones((5, 1, 12)), k=3).estimates()[:4]:
        assert found.status == "undefined" and found.value is None
    values[2] = 0.3
    assert wf.metrics.nogueira(values, k=3).status == "undefined" and wf.metrics.mean_kendall(values).status == "undefined"
    assert wf.metrics.kendall_w(values).value is not None


def test_few_runs_are_said() -> None:
    assert wf.metrics.nogueira(noisy(1, 12, 1.0, 0), k=3).status == "undefined"
    two = wf.metrics.stability(noisy(2, 12, 1.0, 0), k=3)
    assert all(one.status == "underpowered" and one.low is None for one in two.estimates())
    assert wf.metrics.stability(noisy(4, 12, 1.0, 0), k=3).kendall.status == "underpowered"
    assert wf.metrics.stability(noisy(5, 12, 1.0, 0), k=3).kendall.status == "ok"
    assert "Nogueira" in str(two)


def test_no_scale_matters_but_to_repeatability() -> None:
    values = noisy(5, 30, 1.0, 0, q=3)
    one, other = wf.metrics.stability(values, k=5), wf.metrics.stability(1e-30 * values, k=5)
    for x, y in zip(one.estimates()[:4], other.estimates()[:4], strict=True):
        assert x.value == pytest.approx(y.value, abs=1e-12) and x.low == pytest.approx(y.low, abs=1e-9)
    assert other.repeatability.value == pytest.approx(1e-30 * one.repeatability.value)


def test_runs_meet_by_id() -> None:
    values = noisy(5, 20, 1.0, 0, q=2)
    orders = [np.random.default_rng(run).permutation(20) for run in range(5)]
    runs = [wf.Scores(torch.from_numpy(v[:, order]), np.arange(2), order, "arbitrary", "given") for v, order in zip(values, orders, strict=True)]
    assert wf.metrics.stability(runs, k=4).nogueira.value == pytest.approx(wf.metrics.stability(values, k=4).nogueira.value, abs=1e-12)
    with pytest.raises(wf.UsageError, match="between 0 and 1"):
        wf.metrics.runs_for_reliability(1.5, 0.9)
