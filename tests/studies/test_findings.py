"""Findings cite numbers that are there; intervals are those of their definitions."""

import numpy as np
import pytest
from scipy import stats

from wherefrom_studies import Bar, Findings, joined, mean_of, median_of, share_of, single


def test_a_finding_without_a_number_or_with_an_unknown_one_is_refused() -> None:
    with pytest.raises(ValueError, match="cites no number"):
        Findings(sentences=("It works.",))
    with pytest.raises(ValueError, match=r"no number 'a/r'. Did you mean 'a/x'"):
        Findings(numbers={"a/x": single("x", 1.0)}, sentences=("r is {a/r}",))
    with pytest.raises(ValueError, match="no number"):
        Findings(bars=(Bar("r", at_least=1),))


def test_numbers_are_put_in() -> None:
    found = Findings(numbers={"r": single("r", 0.123456), "s": single("s", 0.99996), "t": single("t", None)}, sentences=("{r}, {s}, {t}",))
    assert found.texts() == ("0.123, 0.99996, undefined",)


def test_means_have_students_interval_and_medians_lie_within_theirs() -> None:
    values = np.random.default_rng(0).normal(size=12)
    number = mean_of("x", values, range(12))
    low, high = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert number.estimate.low == pytest.approx(low) and number.estimate.high == pytest.approx(high) and number.seeds == tuple(range(12))
    middle = median_of("x", values, range(12)).estimate
    assert middle.low is not None and middle.high is not None and middle.value is not None and middle.low <= middle.value <= middle.high
    assert mean_of("x", [0.9, 1.0], (0, 1), bounds=(0, 1)).estimate.high == 1
    assert mean_of("x", [0.9], (0,)).estimate.low is None
    assert str(mean_of("x", [0.1, 0.2, -0.3], range(3))).startswith("0 ")  # not the 1e-17 that rounding leaves


def test_shares_have_wilsons_interval() -> None:
    found = share_of("x", [True] * 8 + [False] * 2, range(10)).estimate
    expected = stats.binomtest(8, 10).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        median_of("x", [1.0, float("nan")], (0, 1))


def test_bars_have_two_sides() -> None:
    bar = Bar("x", 0.9, 1.1)
    assert [bar.met(value) for value in (0.89, 0.9, 1.1, 1.11, None)] == [False, True, True, False, False]


def test_parts_are_joined_and_none_overwrites_another() -> None:
    one, two = (Findings(numbers={name: single(name, 1.0)}, sentences=(f"{{{name}}}",)) for name in ("a", "b"))
    assert joined([one, two]).texts() == ("1", "1")
    with pytest.raises(ValueError, match="numbers called"):
        joined([one, one])
