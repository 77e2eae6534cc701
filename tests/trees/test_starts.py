"""Starts of boosting: derivatives in the weights against finite differences, and which start a model has."""

import numpy as np
import pytest

from wherefrom.trees.starts import Constant, LogOddsStart, LogPriorStart, MeanStart, Start, matching_start

Y, WEIGHTS = np.array([0.0, 1, 2, 1, 0, 1]), np.array([1.0, 2, 0.5, 1, 1, 3])


@pytest.mark.parametrize("start", [MeanStart(), LogOddsStart(), LogPriorStart(3, True), LogPriorStart(3, False), Constant((0.5,))], ids=str)
def test_slopes_are_those_of_the_value(start: Start) -> None:
    y = Y if isinstance(start, LogPriorStart) else np.minimum(Y, 1)
    for row in range(len(y)):
        shift = 1e-6 * np.eye(len(y))[row]
        slope = (start.value(y, WEIGHTS + shift) - start.value(y, WEIGHTS - shift)) / 2e-6
        assert np.allclose(start.slopes(y, WEIGHTS)[row], slope, atol=1e-8)


def test_the_start_that_fits_is_found_or_taken_as_set() -> None:
    mean = MeanStart().value(Y, WEIGHTS)
    assert matching_start((MeanStart(),), mean, Y, WEIGHTS, 1e-9) == MeanStart()
    assert matching_start((MeanStart(),), mean + 1, Y, WEIGHTS, 1e-9) == Constant(tuple((mean + 1).tolist()))
