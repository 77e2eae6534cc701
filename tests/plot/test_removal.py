"""The chart of removal curves."""

from typing import Any

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom import plot


def drawn(spec: Any) -> list[list[dict[str, Any]]]:
    return [spec["datasets"][layer["data"]["name"]] for layer in spec["layer"]]


def arm(effect: float, seeds: int = 4) -> wf.retraining.Outcomes:
    baseline = torch.zeros(seeds, 2).double()
    values = torch.from_numpy(effect * np.array([2.0, 5.0]) + 0.01 * np.random.default_rng(0).normal(size=(seeds, 2, 2)))
    return wf.retraining.Outcomes(values, baseline, {"2": [0, 1], "5": [0, 1, 2, 3, 4]}, np.arange(2), 1.0, "loss change")


def test_a_line_for_each_arm_and_controls_of_one_ranking_under_one_name() -> None:
    arms = {"a": arm(0.2), "b": arm(0.1), "random": arm(0.0), "like a": arm(0.01), "like b": arm(0.02)}
    curves = wf.metrics.removal_curves(arms, controls={"a": ["random", "like a"], "b": ["random", "like b"]})
    bands, points = drawn(plot.removal(curves, n=50).to_dict())
    assert len(points) == 10 and {point["left out"] for point in points} == {0.04, 0.1}
    assert {point["shown"] for point in points} == {"a", "b", "random", "random, classes as in each ranking"}
    assert [point["change"] for point in points if point["arm"] == "a"] == pytest.approx([one.value for one in curves.curves["a"]])
    assert {band["arm"] for band in bands} == {"a", "b"}


def test_one_seed_has_lines_and_no_bands() -> None:
    curves = wf.metrics.removal_curves({"a": arm(0.2, 1), "random": arm(0.0, 1)})
    bands, points = drawn(plot.removal(curves).to_dict())
    assert not bands and len(points) == 4
