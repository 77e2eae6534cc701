"""The softmax regressions: what is flipped, and what is asked."""

from pathlib import Path

import numpy as np
import pytest

import wherefrom as wf
from wherefrom_studies.relatif.softmax import CELLS, DECAYED, FLIPPED, SHOWN_DIGITS, SMALL, train_softmax


@pytest.fixture(autouse=True)
def folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))


def test_a_twentieth_is_flipped_to_another_digit_in_one_cell_alone() -> None:
    truth = wf.datasets.mnist("train", limit=SMALL.images).y.numpy()
    for cell in CELLS:
        one = train_softmax(cell, 0, SMALL)
        np.testing.assert_array_equal(one.marks.flipped, one.marks.labels != truth)
        assert one.marks.flipped.sum() == (15 if cell == FLIPPED else 0)


def test_a_three_and_an_eight_come_first_and_no_query_twice() -> None:
    one, test = train_softmax(DECAYED, 0, SMALL), wf.datasets.mnist("test")
    ids = one.queries.ids.tolist()
    assert tuple(test.y[ids[:2]].tolist()) == SHOWN_DIGITS and len(set(ids)) == SMALL.queries == len(ids)
    assert one.marks.query_labels.shape == (SMALL.queries,) and 0.5 < one.accuracy < 1
