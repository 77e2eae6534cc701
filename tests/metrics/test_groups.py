"""Sums over groups beside outcomes, and which groups belong to which query."""

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.metrics.groups import asked, by_size, group_sums, worsening

IDS = np.array(["x", "y"])


def outcomes(groups: dict[str, list[int]], sign: float = 1.0) -> wf.retraining.Outcomes:
    return wf.retraining.Outcomes(torch.arange(2.0 * len(groups)).view(1, 2, -1), torch.ones(1, 2), groups, IDS, sign, "loss change")


def test_sums_and_worsenings_follow_ids() -> None:
    scores = wf.Scores(torch.tensor([[1.0, 2, 4], [8, 16, 32]]), IDS, np.array([5, 6, 7]), "loss change", "given")
    groups = {"a": [7, 5], "b": [6]}
    assert group_sums(scores, groups, IDS[::-1]).tolist() == [[40, 16], [5, 2]]
    assert worsening(outcomes(groups, -1.0), IDS[1:]).tolist() == [[[-1, -2]]]
    assert asked(scores, outcomes(groups), None) is not None


def test_a_group_is_its_querys_own_or_everyones() -> None:
    truth = outcomes({"x1": [1], "y1": [2], "all": [1, 2]})
    found = by_size(truth, IDS, {"x": ["x1"], "y": ["y1"]})
    assert {size: columns.tolist() for size, columns in found.items()} == {1: [[0], [1]], 2: [[2], [2]]}
    assert by_size(truth, IDS, None)[1].tolist() == [[0, 1], [0, 1]]
    with pytest.raises(wf.UsageError, match="equally many groups of 1"):
        by_size(truth, IDS, {"x": ["x1", "y1"]})
    with pytest.raises(wf.UsageError, match="twice"):
        by_size(outcomes({"a": [1, 1]}), IDS, None)


def test_what_is_not_finite_is_refused_by_name() -> None:
    truth = outcomes({"a": [1], "b": [2]})
    truth.values[0, 1, 0] = float("nan")
    with pytest.raises(wf.UsageError, match="query y without group 'a'"):
        worsening(truth, IDS)
