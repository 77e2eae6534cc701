"""Which examples each run selected."""

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.metrics.selections import selections


def test_scores_give_their_top_in_the_order_of_the_data() -> None:
    found = selections(np.array([[[1.0, 3, 3, 3]], [[0.0, 5, 1, 2]]]), k=2)
    assert found.chosen[:, 0].tolist() == [[False, True, True, False], [False, True, False, True]] and found.known.all() and found.n == 4
    assert not selections(np.array([[[1.0, 1]], [[0.0, 5]]]), k=1).known.any()
    assert selections(np.array([[-5.0, 1, 2]]), k=1, by="magnitude").chosen[0, 0].tolist() == [True, False, False]


def test_lists_and_top_scores_give_theirs() -> None:
    assert selections([["a", "b"], ["b"]], n=9).sizes[:, 0].tolist() == [2, 1]
    scores = wf.Scores(torch.eye(3), np.arange(3), np.arange(3), "arbitrary", "given")
    assert selections([scores.top(1), scores.top(1)], n=3).chosen[1].tolist() == np.eye(3, dtype=bool).tolist()


def test_what_does_not_fit_is_refused() -> None:
    top = wf.Scores(torch.eye(3), np.arange(3), np.arange(3), "arbitrary", "given").top(1)
    other = wf.Scores(torch.eye(3), np.arange(3, 6), np.arange(3), "arbitrary", "given").top(1)
    for call, said in (
        (lambda: selections([["a"]]), "Give k= with scores"),
        (lambda: selections([["a", "a"]], n=3), "twice"),
        (lambda: selections([["a", "b"]], n=1), "n=1"),
        (lambda: selections(np.ones((2, 1, 3)), k=4), "k=4 is not between"),
        (lambda: selections([top, other], n=3), "share no query"),
    ):
        with pytest.raises(wf.UsageError, match=said):
            call()
