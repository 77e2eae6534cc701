"""Agreement of full rankings: scipy, brute force, chance, scale, and what is said where there is none."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import stats

import wherefrom as wf

RANKED = [wf.metrics.kendall, wf.metrics.spearman, wf.metrics.weighted_kendall, wf.metrics.sign_agreement]
ALL = [*RANKED, wf.metrics.pearson]


def tau_b(x: np.ndarray, y: np.ndarray) -> float:
    """By counting all pairs."""
    pairs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in combinations(range(len(x)), 2)]
    above = sum(a * b for a, b in pairs)
    return above / (sum(a != 0 for a, _ in pairs) * sum(b != 0 for _, b in pairs)) ** 0.5


def weighted_tau(x: np.ndarray, y: np.ndarray) -> float:
    """Vigna's definition without ties, once by the ranks of x and once by those of y."""
    found = []
    for by in (x, y):
        rank = (-by).argsort().argsort()
        pairs = [(1 / (rank[i] + 1) + 1 / (rank[j] + 1), np.sign((x[i] - x[j]) * (y[i] - y[j]))) for i, j in combinations(range(len(x)), 2)]
        found.append(sum(weight * sign for weight, sign in pairs) / sum(weight for weight, _ in pairs))
    return sum(found) / 2


def test_reference_vectors() -> None:
    assert wf.metrics.kendall([1, 2, 3, 4], [1, 3, 2, 4]).value == pytest.approx(2 / 3, abs=1e-12)
    assert wf.metrics.weighted_kendall([4, 3, 2, 1], [4, 2, 3, 1]).value == pytest.approx(0.7333, abs=5e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_values_are_scipys_and_those_of_brute_force(tied: bool) -> None:
    x, y = torch.randn(6, 25).double().numpy(), torch.randn(6, 25).double().numpy()
    if tied:
        x, y = np.round(2 * x), np.round(2 * y)
    cases: list[tuple[Callable, Callable]] = [
        (wf.metrics.kendall, tau_b), (wf.metrics.spearman, lambda a, b: stats.spearmanr(a, b).statistic),
        (wf.metrics.pearson, lambda a, b: stats.pearsonr(a, b).statistic),
        (wf.metrics.weighted_kendall, (lambda a, b: stats.weightedtau(a, b).statistic) if tied else weighted_tau),
        (wf.metrics.sign_agreement, lambda a, b: np.mean(np.sign(a[a * b != 0]) == np.sign(b[a * b != 0]))),
    ]  # fmt: skip
    for metric, reference in cases:
        each = np.array([reference(a, b) for a, b in zip(x, y, strict=True)])
        found = metric(x, y)
        assert found.value == pytest.approx(each.mean(), abs=1e-12), found
        interval = stats.t.interval(0.95, 5, each.mean(), stats.sem(each))
        assert (found.low, found.high) == pytest.approx(interval) and found.n == 6 and found.status == "ok"


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_no_scale_matters_and_no_monotone_map_to_a_rank_metric(metric: Callable) -> None:
    x, y = torch.randn(5, 40).double(), torch.randn(5, 40).double()
    value = metric(x, y).value
    for scale in (1e-200, 0.3, 1e150):
        assert metric(scale * x, y).value == pytest.approx(value, abs=1e-12) and metric(x, scale * y).value == pytest.approx(value, abs=1e-12)
    if metric in RANKED:
        assert metric(x.pow(3), y.sinh()).value == pytest.approx(value, abs=1e-12)
    if metric is not wf.metrics.sign_agreement:
        assert metric(x + 3, y - 5).value == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_random_scores_give_chance(metric: Callable) -> None:
    """Of positive and negative ones in unequal shares, with ties."""
    random = np.random.default_rng(1)
    found = metric(np.round(random.normal(0.5, 1, (600, 30)), 1), np.round(random.normal(0.3, 1, (600, 30)), 1))
    assert abs(found.value - found.chance) < 3 * (found.high - found.low) / 2 / 1.96


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.__name__)
def test_identical_scores_agree_and_opposite_ones_do_not(metric: Callable) -> None:
    x = torch.randn(5, 20)
    assert metric(x, x).value == pytest.approx(1, abs=1e-12)
    assert metric(x, -x).value == pytest.approx(0 if metric is wf.metrics.sign_agreement else -1, abs=1e-12)


def test_constant_scores_are_undefined_never_0_or_nan() -> None:
    """torchmetrics, and with it quanda, calls the correlation with constant scores 0.0."""
    x = torch.randn(6, 20).double()
    for metric in (wf.metrics.kendall, wf.metrics.spearman, wf.metrics.weighted_kendall, wf.metrics.pearson):
        none = metric(x, torch.full((6, 20), 0.1).double())
        assert none.status == "undefined" and none.value is None and "the same" in none.reason
        flat = x.clone()
        flat[2] = 7.0
        some = metric(x, flat)
        assert some.status == "ok" and some.n == 5 and "1 of 6 queries left out" in some.reason and some.value == pytest.approx(1)


def test_nan_is_refused_where_scipy_and_torchmetrics_give_a_number() -> None:
    x = torch.randn(3, 20)
    y = x.clone()
    y[1, 4] = float("nan")
    for metric in ALL:
        with pytest.raises(wf.UsageError, match="not finite at position (1, 4)".replace("(", r"\(").replace(")", r"\)")):
            metric(x, y)


def test_scores_of_one_sign_cannot_disagree() -> None:
    x, y = torch.rand(5, 20) + 1, torch.rand(5, 20) + 1
    found = wf.metrics.sign_agreement(x, y)
    assert found.status == "vacuous" and found.value is None and "one sign" in found.reason
    zero = wf.metrics.sign_agreement(torch.zeros(5, 20), y)
    assert zero.status == "undefined" and "is 0" in zero.reason


def test_few_queries_are_said() -> None:
    x = torch.randn(20).double()
    one = wf.metrics.kendall(x, x + 0.1 * torch.randn(20))
    assert one.status == "underpowered" and one.low is None and "one query" in one.reason
    assert wf.metrics.kendall(torch.randn(3, 20), torch.randn(3, 20)).status == "underpowered"
