"""Brittleness: majorities of retrainings, the smallest flipping size without a search, and the random arm as chance."""

import numpy as np
import pytest
import torch
from scipy import stats

import wherefrom as wf


def outcomes(margins: list[list[list[float]]], baseline: float = 1.0) -> wf.retraining.Outcomes:
    """Margins (seeds, q, sizes 1, 2, 4) over a baseline on the right side."""
    values = torch.tensor(margins).double()
    groups = {str(size): list(range(size)) for size in (1, 2, 4)}
    return wf.retraining.Outcomes(
        values, torch.full(values.shape[:2], baseline).double(), groups, np.arange(values.shape[1]), -1.0, "measurement change"
    )


def test_the_smallest_size_that_half_of_the_retrainings_flip() -> None:
    """Flips are not monotone under noise: query 1 flips at 2, not at 4."""
    found = wf.metrics.brittleness(outcomes([[[1, -1, -1], [1, -1, 1], [1, 1, 1]], [[1, 1, -1], [1, -1, 1], [1, 1, 1]]]))
    assert found.smallest == (2, 2, None) and [one.value for one in found.flipped.values()] == pytest.approx([0, 2 / 3, 1 / 3])
    interval = stats.binomtest(2, 3).proportion_ci(0.95, "wilson")
    assert (found.flipped[2].low, found.flipped[2].high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert found.flipped[2].status == "underpowered" and "flipped by 2" in str(found)


def test_flips_are_against_the_same_seeds_baseline_in_either_direction() -> None:
    assert wf.metrics.brittleness(outcomes([[[-1, 1, -1]]], baseline=-1.0)).smallest == (2,)
    assert wf.metrics.brittleness(outcomes([[[0.5, 0.8, 0.9]]], baseline=0.1), threshold=0.7).smallest == (2,)


def test_the_random_arm_is_the_chance() -> None:
    mine, drawn = outcomes([[[-1, -1, -1]] * 6]), outcomes([[[1, 1, -1]] * 3 + [[1, 1, 1]] * 3])
    found = wf.metrics.brittleness(mine, random=drawn)
    assert found.flipped[1].value == 1 and found.flipped[1].chance == 0 and found.flipped[4].chance == 0.5
    with pytest.raises(wf.UsageError, match="no group of 4"):
        wf.metrics.brittleness(
            mine, random=wf.retraining.Outcomes(drawn.values[:, :, :2], drawn.baseline, {"1": [1], "2": [1, 2]}, drawn.query_ids, -1.0, "x")
        )


def test_groups_may_be_each_querys_own() -> None:
    values = torch.tensor([[[-1.0, 1], [1, 1]]]).double()
    truth = wf.retraining.Outcomes(values, torch.ones(1, 2).double(), {"of 0": [1], "of 1": [2]}, np.arange(2), -1.0, "measurement change")
    assert wf.metrics.brittleness(truth, own={0: ["of 0"], 1: ["of 1"]}).smallest == (1, None)
