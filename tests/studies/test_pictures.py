"""Charts hold what they are given: each panel its own rows, axes with units, one scale."""

from typing import Any

import pandas as pd

from wherefrom_studies.pictures import against, bars, curves

FRAME = pd.DataFrame(
    {"x": [1, 2, 1, 2], "y": [0.1, 0.2, 0.3, 0.4], "s": list("abab"), "p": ["one", "one", "two", "two"], "low": [0.0, None, 0.2, 0.3]}
)


def rows(spec: dict[str, Any], view: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["datasets"][view["data"]["name"]]


def test_each_panel_holds_its_own_rows() -> None:
    spec = curves(FRAME, "x", "y", "s", panels="p", x_title="steps", y_title="r").to_dict()
    values = [rows(spec, panel) for panel in spec["concat"]]
    assert [[row["y"] for row in panel] for panel in values] == [[0.1, 0.2], [0.3, 0.4]]
    assert values[0][1]["low"] == 0.2, "an interval that is not there closes onto its value"
    scales = [panel["layer"][1]["encoding"]["y"]["scale"]["domain"] for panel in spec["concat"]]
    assert scales[0] == scales[1] == [0.0, 0.4]


def test_without_panels_there_is_one_chart_of_all_rows() -> None:
    spec = curves(FRAME, "x", "y", "s", x_title="steps", y_title="r").to_dict()
    assert "title" not in spec and [row["y"] for row in rows(spec, spec)] == [0.1, 0.2, 0.3, 0.4]


def test_predicted_against_actual_has_the_line_and_units() -> None:
    frame = pd.DataFrame({"predicted": [0.0, 1.0], "actual": [0.0, 2.0], "p": ["a", "a"]})
    spec = against(frame, panels="p", unit="loss change").to_dict()
    (panel,) = spec["concat"]
    assert panel["layer"][1]["encoding"]["x"]["title"] == "retrained loss change"
    assert panel["layer"][0]["mark"]["type"] == "line"


def test_bars_keep_the_order_of_the_rows() -> None:
    spec = bars(pd.DataFrame({"k": ["z", "a"], "v": [1, 2]}), "k", "v", x_title="k", y_title="v").to_dict()
    assert [row["k"] for row in rows(spec, spec)] == ["z", "a"] and spec["encoding"]["x"]["sort"] is None
