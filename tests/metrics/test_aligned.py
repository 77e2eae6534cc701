"""Attributions are brought onto the same queries and examples, by id."""

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.metrics.aligned import aligned


def scores(values: torch.Tensor, queries: str, train: str) -> wf.Scores:
    return wf.Scores(values, np.array(list(queries)), np.array(list(train)), "arbitrary", "given")


def test_scores_meet_by_id() -> None:
    table = torch.arange(6.0).view(2, 3)
    found = aligned([scores(table, "xy", "abc"), scores(table.flip(0)[:, [2, 0]], "yx", "ca")])
    assert found.query_ids.tolist() == ["x", "y"] and found.train_ids.tolist() == ["a", "c"]
    assert np.array_equal(found.values[0], found.values[1]) and found.values[0].tolist() == [[0, 2], [3, 5]]


def test_arrays_stand_as_they_are() -> None:
    assert aligned([[1, 2], torch.tensor([3.0, 4])]).values.shape == (2, 1, 2)
    assert aligned(list(np.ones((4, 3, 2)))).values.shape == (4, 3, 2)


def test_what_does_not_fit_is_refused() -> None:
    table = torch.ones(1, 2)
    for given, said in (
        ([scores(table, "x", "ab"), table], "mixed with arrays"), ([], "no scores"), ([np.ones(2), np.ones(3)], "shapes"),
        ([scores(table, "x", "ab"), scores(table, "x", "cd")], "share no training id"), ([np.ones((1, 1, 1))], "have shape"),
        ([scores(table, "x", "ab"), scores(table, "y", "ab")], "share no query id"), ([np.array([1.0, np.inf])], "not finite"),
    ):  # fmt: skip
        with pytest.raises(wf.UsageError, match=said):
            aligned(given)
