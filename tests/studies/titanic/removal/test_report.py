"""Charts of leaving rows out hold every ranking, both kinds of random rows and the seeds' own band; tables every network."""

import pytest

from wherefrom_studies.panels import MATCHED
from wherefrom_studies.titanic.models import LARGE, MAIN
from wherefrom_studies.titanic.removal.analysis import RemovalResults, seed_band
from wherefrom_studies.titanic.removal.report import compose


def test_removal_has_the_band_of_the_seeds_and_random_rows_of_the_same_classes(removal_results: RemovalResults) -> None:
    charts = compose(removal_results).figures
    assert set(charts) == {"removal, accuracy", "removal, auc", "removal, log loss"} and all(len(figure.caption) > 40 for figure in charts.values())
    for name, title in (("accuracy", "accuracy"), ("log loss", "log loss")):
        chart = charts[f"removal, {name}"].chart.to_dict()
        rows = [row for data in chart["datasets"].values() for row in data if row.get("panel") == LARGE]
        assert {row["series"] for row in rows} == {*MAIN, "random", MATCHED} and {row["removed"] for row in rows} == {1, 5, 50, 200}
        assert [row["seeds"] for row in rows] == pytest.approx([seed_band(removal_results.tables[LARGE], name)] * len(rows))
        assert f"change of {title}" in str(chart)


def test_tables_hold_every_network(removal_results: RemovalResults) -> None:
    tables = compose(removal_results).tables
    assert len(tables) == 2 and all(set(table["setting"]) == set(removal_results.tables) for table in tables.values())
    assert len(tables["Left out, each seed"]) == 2 * len(tables["Left out, mean changes"])
