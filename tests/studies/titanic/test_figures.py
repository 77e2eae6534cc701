"""Charts hold the tables: every setting a panel, means with the spread of the seeds, ceilings and the seeds' own band."""

import numpy as np
import pytest

from wherefrom_studies.panels import MATCHED
from wherefrom_studies.titanic.figures import agreeing, drawn, fallen, figures, overlapping, planted, ranked, removing, steady
from wherefrom_studies.titanic.models import MAIN
from wherefrom_studies.titanic.numbers import Numbers, Tables
from wherefrom_studies.titanic.planted import TOPS
from wherefrom_studies.titanic.removal import seed_band
from wherefrom_studies.titanic.scoring import PAIRS

MLP = "MLP, batches of 32"


def test_every_figure_is_drawn_with_all_settings(tables: Tables, found: Numbers) -> None:
    charts = figures(tables, found)
    falling = [f"{kind}, {points}" for kind in ("by rank", "cumulative") for points in ("drawn", "all")] + ["long tail", "decay"]
    assert set(charts) == {
        *falling, "rank against rank", "overlap", "agreement", "removal, accuracy", "removal, auc", "removal, log loss", "stability", "turned labels",
    }  # fmt: skip
    for name in (*falling, "rank against rank", "overlap"):
        assert len(charts[name].chart.to_dict()["concat"]) == len(tables.measured), name
    assert all(len(figure.caption) > 40 for figure in charts.values())


def test_the_last_rank_where_all_is_held_is_left_out(tables: Tables) -> None:
    frame = fallen(tables.measured, "all", "held")
    assert frame["value"].max() < 1 and frame["rank"].min() == 1 and set(frame["panel"]) == set(tables.measured)
    assert frame["rank"].max() < tables.measured[MLP].falls["rank"].max()


def test_overlaps_are_means_beside_chance(tables: Tables) -> None:
    frame, table = overlapping(tables.measured), tables.measured[MLP].overlaps
    of_k = table[(table["layers"] == "all layers") & (table["k"] == 10)]["overlap"]
    row = frame[(frame["panel"] == MLP) & (frame["series"] == "all layers") & (frame["k"] == 10)].iloc[0]
    assert row["value"] == pytest.approx(of_k.mean()) and row["low"] == pytest.approx(np.quantile(of_k, 0.1))
    chance = frame[(frame["panel"] == MLP) & (frame["series"] == "chance")]
    assert chance["value"].to_numpy() == pytest.approx(chance["k"] / 210)
    assert len(ranked(tables.measured)) == 210 * len(tables.measured)


def test_agreement_is_shown_with_its_ceiling_for_each_batch_size(tables: Tables, found: Numbers) -> None:
    frame = agreeing(found, list(tables.measured))
    assert frame["batch"].tolist() == ["batches of 32"] * 4 + ["batches of 4"] * 4
    a, b = PAIRS[0]
    estimate = found[f"{MLP}/agreement/{a} and {b}/kendall"].estimate
    assert (frame["value"][0], frame["ceiling"][0], frame["low"][0]) == (estimate.value, estimate.ceiling, estimate.low)


def test_removal_has_the_band_of_the_seeds_and_random_rows_of_the_same_classes(tables: Tables) -> None:
    for name, title in (("accuracy", "accuracy"), ("log loss", "log loss")):
        chart = removing(tables.removed)[f"removal, {name}"].chart.to_dict()
        rows = [row for data in chart["datasets"].values() for row in data if row.get("panel") == MLP]
        assert {row["series"] for row in rows} == {*MAIN, "random", MATCHED} and {row["removed"] for row in rows} == {1, 5, 50, 200}
        assert [row["seeds"] for row in rows] == pytest.approx([seed_band(tables.removed[MLP], name)] * len(rows))
        assert f"change of {title}" in str(chart)


def test_changes_stand_by_what_they_leave(tables: Tables) -> None:
    frame = steady(tables.varied)
    left = frame.groupby("change", sort=False)["value"].mean()
    assert left.tolist() == sorted(left, reverse=True) and len(frame) == len(MAIN) * tables.varied["change"].nunique()


def test_turned_labels_are_shown_for_every_ranking_and_length(tables: Tables, found: Numbers) -> None:
    frame = planted(found)
    assert len(frame) == tables.planted["ranking"].nunique() * len(TOPS) and set(frame["first"]) == {f"first {length}" for length in TOPS}
    row = frame[(frame["series"] == "loss") & (frame["first"] == "first 10")].iloc[0]
    assert row["value"] == found["turned labels/loss/10/found"].estimate.value


def test_a_number_without_an_interval_closes_onto_its_value(found: Numbers) -> None:
    assert drawn(found["removal/cells"]) == {"value": 12, "low": 12, "high": 12}
