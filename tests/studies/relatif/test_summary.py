"""Means over runs, their bounds and chances; a panel for each figure that is asked for."""

import pandas as pd
import pytest

from wherefrom_studies.relatif.summary import FIGURES, charted, numbered


def test_means_and_chances_stay_within_their_bounds() -> None:
    rows = pd.DataFrame({what: [0.9, 1.0, 1.0] for what in FIGURES} | {f"chance, {FIGURES[0]}": [0.5] * 3})
    found = numbered("m", rows, (0, 1, 2))
    one = found[f"m/{FIGURES[0]}"].estimate
    assert one.value == pytest.approx(29 / 30) and one.high == 1.0 and found[f"m/{FIGURES[0]}, chance"].estimate.value == 0.5
    assert f"m/{FIGURES[1]}, chance" not in found


def test_a_chart_has_a_panel_for_each_figure() -> None:
    rows = pd.DataFrame({what: [0.1, 0.2] for what in FIGURES})
    numbers = numbered("a/one", rows, (0, 1)) | numbered("a/two", rows, (0, 1))
    chart = charted(numbers, {"A": "a"}, ("one", "two"), FIGURES[:3]).to_dict()
    assert len(chart["concat"]) == 3
