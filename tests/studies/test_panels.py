"""Panels: one for each setting, chance in grey, and ceilings only where there are some."""

import pandas as pd

from wherefrom_studies.panels import clouds, colours_of, dots, lines
from wherefrom_studies.pictures import COLOURS, GREY


def test_chance_is_grey_and_given_colours_are_kept() -> None:
    assert colours_of(["a", "random", "b"], {"b": COLOURS[0]}) == {"a": COLOURS[1], "random": GREY, "b": COLOURS[0]}


def test_lines_have_a_panel_each_and_the_band_of_the_seeds() -> None:
    frame = pd.DataFrame({"panel": ["p", "p", "q", "q"], "series": "a", "k": [1, 2, 1, 2], "value": 0.5, "low": 0.4, "high": 0.6})
    plain = lines(frame, x="k", x_title="k", y_title="share", log_x=True).to_dict()
    assert [len(panel["layer"]) for panel in plain["concat"]] == [2, 2]
    assert [len(panel["layer"]) for panel in lines(frame.assign(seeds=0.1), x="k", x_title="k", y_title="share").to_dict()["concat"]] == [3, 3]


def test_dots_have_ticks_where_there_are_ceilings() -> None:
    frame = pd.DataFrame({"row": ["u", "v"], "series": "a", "value": 0.5, "low": 0.4, "high": 0.6})
    assert len(dots(frame, category="row", x_title="x", domain=[0, 1]).to_dict()["layer"]) == 2
    assert len(dots(frame.assign(ceiling=pd.Series([0.9, None])), category="row", x_title="x", domain=[0, 1]).to_dict()["layer"]) == 3


def test_dots_have_one_legend_of_colours_and_shapes() -> None:
    frame = pd.DataFrame({"row": "u", "series": ["a", "b"], "value": 0.5, "low": 0.4, "high": 0.6})
    points = dots(frame, category="row", x_title="x", domain=[0, 1]).to_dict()["layer"][0]["encoding"]
    assert points["color"]["legend"] == points["shape"]["legend"] and points["color"]["scale"]["domain"] == points["shape"]["scale"]["domain"]


def test_a_logarithmic_axis_has_no_interval_down_to_0() -> None:
    frame = pd.DataFrame({"row": ["u"], "series": "a", "value": 1.0, "low": 0.0, "high": 2.0})
    chart = dots(frame, category="row", x_title="x", domain=[0.1, 4], log_x=True).to_dict()
    assert chart["layer"][0]["encoding"]["x"]["scale"]["type"] == "log" and "'low': 0.1" in str(chart)


def test_the_band_of_the_seeds_lies_within_the_panel() -> None:
    frame = pd.DataFrame({"panel": "p", "series": "a", "k": [1, 2], "value": 0.0, "low": -0.01, "high": 0.01, "seeds": 0.1})
    band, *_ = lines(frame, x="k", x_title="k", y_title="change").to_dict()["concat"][0]["layer"]
    assert band["encoding"]["y"]["scale"]["domain"] == [-0.1, 0.1]


def test_clouds_have_a_panel_each() -> None:
    frame = pd.DataFrame({"panel": ["p", "q"], "a": [1, 2], "b": [2, 1]})
    assert len(clouds(frame, x="a", y="b", x_title="a", y_title="b").to_dict()["concat"]) == 2
