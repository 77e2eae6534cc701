"""Means over runs, their bounds and chances; a panel for each figure that is asked for."""

import pandas as pd
import pytest

from wherefrom_studies.relatif.means import FIGURES, chart_means, mean_names, mean_numbers


def test_means_and_chances_stay_within_their_bounds() -> None:
    rows = pd.DataFrame({what: [0.9, 1.0, 1.0] for what in FIGURES} | {f"chance, {FIGURES[0]}": [0.5] * 3})
    found = mean_numbers("m", rows, (0, 1, 2))
    one = found[f"m/{FIGURES[0]}"].estimate
    assert one.value == pytest.approx(29 / 30) and one.high == 1.0 and found[f"m/{FIGURES[0]}, chance"].estimate.value == 0.5
    assert f"m/{FIGURES[1]}, chance" not in found


def test_a_chart_has_a_panel_for_each_figure() -> None:
    rows = pd.DataFrame({what: [0.1, 0.2] for what in FIGURES})
    numbers = mean_numbers("a/one", rows, (0, 1)) | mean_numbers("a/two", rows, (0, 1))
    chart = chart_means(numbers, {"A": "a"}, ("one", "two"), FIGURES[:3]).to_dict()
    assert len(chart["concat"]) == 3


def test_names_are_those_of_the_means() -> None:
    rows = pd.DataFrame({what: [0.1, 0.2] for what in FIGURES})
    chance = rows.rename(columns={what: f"chance, {what}" for what in FIGURES})
    assert mean_numbers("m", rows, (0, 1)).keys() == mean_names("m", chance=False)
    assert mean_numbers("m", rows.join(chance), (0, 1), FIGURES[:2]).keys() == mean_names("m", FIGURES[:2])
