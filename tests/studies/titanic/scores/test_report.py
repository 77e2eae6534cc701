"""Charts hold the tables: every setting a panel, means with the spread of the seeds, and ceilings."""

import numpy as np
import pytest

from wherefrom_studies.titanic.models import LARGE
from wherefrom_studies.titanic.scores.analysis import ScoreResults
from wherefrom_studies.titanic.scores.experiment import PAIRS
from wherefrom_studies.titanic.scores.report import BARS, agreements, compose, curve, overlaps, ranks


def test_every_figure_is_drawn_with_all_settings(score_results: ScoreResults) -> None:
    charts = compose(score_results).figures
    falling = [f"{kind}, {points}" for kind in ("by rank", "cumulative") for points in ("drawn", "all")] + ["long tail", "decay"]
    assert set(charts) == {*falling, "rank against rank", "overlap", "agreement"}
    for name in (*falling, "rank against rank", "overlap"):
        assert len(charts[name].chart.to_dict()["concat"]) == len(score_results.tables), name
    assert all(len(figure.caption) > 40 for figure in charts.values())


def test_tables_hold_every_setting_and_the_bar_has_its_number(score_results: ScoreResults) -> None:
    tables = compose(score_results).tables
    assert len(tables) == 4 and all(set(table["setting"]) == set(score_results.tables) for table in tables.values())
    assert {bar.number for bar in BARS} <= score_results.numbers.keys()


def test_the_last_rank_where_all_is_held_is_left_out(score_results: ScoreResults) -> None:
    frame = curve(score_results.tables, "all", "held")
    assert frame["value"].max() < 1 and frame["rank"].min() == 1 and set(frame["panel"]) == set(score_results.tables)
    assert frame["rank"].max() < score_results.tables[LARGE].falls["rank"].max()


def test_overlaps_are_means_beside_chance(score_results: ScoreResults) -> None:
    frame, table = overlaps(score_results.tables), score_results.tables[LARGE].overlaps
    of_k = table[(table["layers"] == "all layers") & (table["k"] == 10)]["overlap"]
    row = frame[(frame["panel"] == LARGE) & (frame["series"] == "all layers") & (frame["k"] == 10)].iloc[0]
    assert row["value"] == pytest.approx(of_k.mean()) and row["low"] == pytest.approx(np.quantile(of_k, 0.1))
    chance = frame[(frame["panel"] == LARGE) & (frame["series"] == "chance")]
    assert chance["value"].to_numpy() == pytest.approx(chance["k"] / 210)
    assert len(ranks(score_results.tables)) == 210 * len(score_results.tables)


def test_agreement_is_shown_with_its_ceiling_for_each_batch_size(score_results: ScoreResults) -> None:
    frame = agreements(score_results.numbers, list(score_results.tables))
    assert frame["batch"].tolist() == ["batches of 32"] * 4 + ["batches of 4"] * 4
    a, b = PAIRS[0]
    estimate = score_results.numbers[f"{LARGE}/agreement/{a} and {b}/kendall"].estimate
    assert (frame["value"][0], frame["ceiling"][0], frame["low"][0]) == (estimate.value, estimate.ceiling, estimate.low)
