"""Curves have the range of their seeds; rows of charts and tables stand by their means."""

from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.mislabel.inspection.analysis import analyse
from wherefrom_studies.mislabel.inspection.experiment import POINTS
from wherefrom_studies.mislabel.inspection.report import gains_curves, side_by_side


def test_a_curve_has_the_mean_and_the_range_of_its_seeds() -> None:
    straight = np.linspace(0, 1, POINTS)
    table = pd.DataFrame({"ranking": ["a", "a", "b"], "curve": [straight.tolist(), (straight**2).tolist(), straight.tolist()]})
    frame = gains_curves(table, "p", ("a",))
    np.testing.assert_allclose(frame["looked"], 100 * straight)
    np.testing.assert_allclose(frame["value"], (straight + straight**2) / 2)
    np.testing.assert_allclose(frame["low"], straight**2)
    np.testing.assert_allclose(frame["high"], straight)
    assert set(frame["series"]) == {"a"} and set(frame["panel"]) == {"p"}


def test_rows_of_a_chart_stand_by_the_mean_of_all_sets(made_up: Callable[[dict[str, float]], pd.DataFrame]) -> None:
    tables = {"one": made_up({"TracIn": 0.1}), "two": made_up({"margin": 0.3})}
    chart = side_by_side(analyse(tables), "auc", "AUC")
    assert isinstance(chart, alt.LayerChart)
    rows = next(iter(chart.to_dict()["datasets"].values()))
    assert [row["ranking"] for row in rows[:4]] == ["margin", "margin", "TracIn", "TracIn"] and [row["series"] for row in rows[:2]] == ["one", "two"]
    assert rows[1]["value"] == pytest.approx(tables["two"].query("ranking == 'margin'")["auc"].mean())
