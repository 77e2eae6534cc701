"""The softmax regressions: what is flipped, what is asked, and where the curvature is nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import wherefrom as wf
from wherefrom_studies.relatif.digits import ASKED, CELLS, DECAYED, FLIPPED, PLAIN, SMALL, counted, looked, trained

SMALL_PIXELS = 49


@pytest.fixture(autouse=True)
def folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))


def test_a_twentieth_is_flipped_to_another_digit_in_one_cell_alone() -> None:
    truth = wf.datasets.mnist("train", limit=SMALL.images).y.numpy()
    for cell in CELLS:
        one = trained(cell, 0, SMALL)
        np.testing.assert_array_equal(one.marks.flipped, one.marks.labels != truth)
        assert one.marks.flipped.sum() == (15 if cell == FLIPPED else 0)


def test_a_three_and_an_eight_come_first_and_no_query_twice() -> None:
    one, test = trained(DECAYED, 0, SMALL), wf.datasets.mnist("test")
    ids = one.queries.ids.tolist()
    assert tuple(test.y[ids[:2]].tolist()) == ASKED and len(set(ids)) == SMALL.queries == len(ids)
    assert one.marks.query_labels.shape == (SMALL.queries,) and 0.5 < one.accuracy < 1


def test_directions_without_curvature_are_there_without_weight_decay_only() -> None:
    plain, decayed = (pd.DataFrame(looked(cell, 0, SMALL)) for cell in (PLAIN, DECAYED))
    black = int((trained(PLAIN, 0, SMALL).X.sum(0) == 0).sum())
    seen = SMALL_PIXELS - black + 1  # with the bias
    assert plain["without curvature"].iloc[0] == 10 * black + seen and decayed["without curvature"].iloc[0] == 0
    assert plain["damping"].iloc[0] > 0 == decayed["damping"].iloc[0]
    few = decayed[decayed["queries"] == SMALL.fewer]
    assert len(few) == 5 and decayed["agreement"].notna().sum() == 3 and decayed["cost"].dropna().gt(0).all()


def test_what_is_counted_is_what_the_lists_say() -> None:
    rows = [row for row in looked(DECAYED, 1, SMALL) if row["queries"] == SMALL.queries]
    counts = pd.DataFrame(counted(1, SMALL.images, SMALL)).set_index("method")["distinct first"]
    said = {row["method"]: row["distinct first"] for row in rows}
    assert len(counts) == 4 and all(said[method] == share for method, share in counts.items())
