"""The scatter of predicted against retrained change."""

import numpy as np
import pytest

import wherefrom as wf


def test_every_pair_is_a_point_on_common_axes() -> None:
    actual = np.arange(6.0).reshape(2, 3)
    chart = wf.plot.scatter(predicted=2 * actual, actual=actual, query_ids=["a", "b"], train_ids=[7, 8, 9]).to_dict()
    points = next(values for values in chart["datasets"].values() if len(values) == 6)
    assert points[4] == {"actual": 4.0, "predicted": 8.0, "query": "b", "left out": "8"}
    x, y = (chart["layer"][1]["encoding"][axis]["scale"]["domain"] for axis in "xy")
    assert x == y and x[0] < 0 and x[1] > 10


def test_thousands_of_points_are_no_trouble() -> None:
    table = np.random.default_rng(0).normal(size=(4, 2000))
    wf.plot.scatter(predicted=table, actual=table).to_dict()


def test_what_cannot_be_drawn_is_refused() -> None:
    for message, settings in {
        "both must be": {"predicted": np.zeros((2, 3)), "actual": np.zeros((3, 2))},
        "not finite": {"predicted": np.full((1, 2), np.nan), "actual": np.zeros((1, 2))},
        "1 query ids for 2": {"predicted": np.zeros((2, 3)), "actual": np.zeros((2, 3)), "query_ids": ["a"]},
    }.items():
        with pytest.raises(wf.UsageError, match=message):
            wf.plot.scatter(**settings)  # type: ignore[arg-type]
