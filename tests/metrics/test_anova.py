"""Mean squares of runs by targets, against sums written out."""

import numpy as np
import pytest

from wherefrom.metrics.anova import Squares


def test_mean_squares_are_those_written_out() -> None:
    values = np.random.default_rng(0).normal(size=(4, 7))
    found, grand = Squares.of(values), values.mean()
    targets = sum(4 * (values[:, i].mean() - grand) ** 2 for i in range(7)) / 6
    runs = sum(7 * (values[r].mean() - grand) ** 2 for r in range(4)) / 3
    rest = sum((values[r, i] - values[r].mean() - values[:, i].mean() + grand) ** 2 for r in range(4) for i in range(7)) / 18
    assert (found.targets, found.runs, found.rest) == pytest.approx((targets, runs, rest), abs=1e-12)
    assert found.consistency(1) == pytest.approx((targets - rest) / (targets + 3 * rest), abs=1e-12)
    assert found.consistency(4) == pytest.approx((targets - rest) / targets, abs=1e-12)
    assert found.agreement(1) == pytest.approx((targets - rest) / (targets + 3 * rest + 4 / 7 * (runs - rest)), abs=1e-12)
    assert found.agreement(4) == pytest.approx((targets - rest) / (targets + (runs - rest) / 7), abs=1e-12)


def test_many_tables_at_once() -> None:
    values = np.random.default_rng(1).normal(size=(3, 5, 6))
    found = Squares.of(values)
    for row in range(5):
        assert found.consistency(1)[row] == pytest.approx(Squares.of(values[:, row]).consistency(1), abs=1e-12)
