"""Whom each method names for digits: where the curvature is nothing, and counts beside the lists."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.relatif.digits.experiment import count_distinct, list_cell
from wherefrom_studies.relatif.softmax import DECAYED, PLAIN, SMALL, train_softmax

SMALL_PIXELS = 49


@pytest.fixture(autouse=True)
def folder(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))


def test_directions_without_curvature_are_there_without_weight_decay_only() -> None:
    plain, decayed = (pd.DataFrame(list_cell(cell, 0, SMALL)) for cell in (PLAIN, DECAYED))
    black = int((train_softmax(PLAIN, 0, SMALL).X.sum(0) == 0).sum())
    seen = SMALL_PIXELS - black + 1  # with the bias
    assert plain["without curvature"].iloc[0] == 10 * black + seen and decayed["without curvature"].iloc[0] == 0
    assert plain["damping"].iloc[0] > 0 == decayed["damping"].iloc[0]
    few = decayed[decayed["queries"] == SMALL.fewer]
    assert len(few) == 5 and decayed["agreement"].notna().sum() == 3 and decayed["cost"].dropna().gt(0).all()


def test_what_is_counted_is_what_the_lists_say() -> None:
    rows = [row for row in list_cell(DECAYED, 1, SMALL) if row["queries"] == SMALL.queries]
    counts = pd.DataFrame(count_distinct(1, SMALL.images, SMALL)).set_index("method")["distinct first"]
    said = {row["method"]: row["distinct first"] for row in rows}
    assert len(counts) == 4 and all(said[method] == share for method, share in counts.items())
