"""Ranks and how influence adds up."""

import numpy as np
import pytest
import torch

import wherefrom as wf

SCORES = wf.Scores(torch.tensor([[4.0, -3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]]), np.array(["p", "q"]), np.arange(4), "loss change", "m")


def test_bars_from_both_ends_once_each() -> None:
    chart = wf.plot.ranks(SCORES.top(3), labels={0: "first"}).to_dict()
    bars = next(iter(chart["datasets"].values()))
    assert [bar["score"] for bar in bars] == [4, 2, 1, -3] and bars[0]["label"] == "first" and bars[-1]["side"] == "opposes"
    with pytest.raises(wf.UsageError, match="Query 'z' is not among"):
        wf.plot.ranks(SCORES.top(3), "z")


def test_cumulative_shares_end_at_one_and_never_divide_by_zero() -> None:
    chart = wf.plot.cumulative(SCORES).to_dict()
    points = next(iter(chart["datasets"].values()))
    shares = [point["share"] for point in points if point["query"] == "p"]
    assert shares == pytest.approx([0.4, 0.7, 0.9, 1.0]) and all(point["share"] == 0 for point in points if point["query"] == "q")
