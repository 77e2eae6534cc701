"""A spread has the names that it says, and its interval is cut at its bounds."""

import pytest

from wherefrom_studies.koh_liang.starts.spread import spread_names, spread_numbers


def test_a_spread_is_the_mean_the_least_and_the_most() -> None:
    found = spread_numbers("a", iter([0.2, 0.6, 0.4]), iter([3, 4, 5]))
    assert {name: number.estimate.value for name, number in found.items()} == pytest.approx({"a": 0.4, "a, least": 0.2, "a, most": 0.6})
    assert all(number.seeds == (3, 4, 5) for number in found.values())
    low, high = found["a"].estimate.low, found["a"].estimate.high
    assert low == 0 and high == pytest.approx(0.4 + 4.302653 * 0.2 / 3**0.5)
    assert found.keys() == spread_names("a")
