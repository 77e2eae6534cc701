"""The factor between a cheap spread and that of full retrainings, and the coverage that it gives."""

import numpy as np
import pytest

from wherefrom.uncertainty.calibration import calibrated


def test_the_factor_is_found_and_covers() -> None:
    random, factors, covered, plain = np.random.default_rng(0), [], [], []
    for _ in range(60):
        deviations = random.exponential(size=(2, 30)) + 0.1
        truth = random.normal(size=(2, 30))
        cheap = deviations**2 * random.chisquare(99, size=(2, 30)) / 99
        draws = truth + 2 * deviations * random.normal(size=(6, 2, 30))
        found = calibrated(truth + 2 * deviations * random.normal(size=(2, 30)), cheap, draws, 99, 0.95)
        factors.append(found.factor)
        covered.append(found.coverage.value)
        plain.append(found.uncalibrated.value)
        assert found.runs == 6 and found.coverage.n == 6
    assert np.mean(factors) == pytest.approx(2, rel=0.05)
    assert np.mean(covered) == pytest.approx(0.96, abs=0.03) and np.mean(plain) < 0.75


def test_a_shift_that_all_retrainings_share_is_not_covered() -> None:
    random = np.random.default_rng(0)
    found = calibrated(np.zeros((1, 40)), np.ones((1, 40)), 8 + random.normal(size=(6, 1, 40)), 99, 0.95)
    assert found.coverage.value is not None and found.coverage.value < 0.05 and found.factor[0] == pytest.approx(1, abs=0.15)


def test_nothing_that_varies_is_no_division_by_zero() -> None:
    found = calibrated(np.zeros((1, 5)), np.zeros((1, 5)), np.zeros((4, 1, 5)), 99, 0.95)
    assert found.factor.tolist() == [1.0] and found.coverage.value == 1
