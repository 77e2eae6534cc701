"""What is shown of leaving rows out: mean changes and each seed's as tables, and charts by size."""

from collections.abc import Mapping

import pandas as pd

from wherefrom_studies.findings import Figure, mean_of
from wherefrom_studies.panels import MATCHED, lines
from wherefrom_studies.part import Report
from wherefrom_studies.titanic.charts import SERIES, row_of
from wherefrom_studies.titanic.models import MAIN, TRACIN
from wherefrom_studies.titanic.removal.analysis import RemovalResults, seed_band
from wherefrom_studies.titanic.removal.experiment import CLASSES_AS_IN, COLUMNS, RANDOM


def compose(results: RemovalResults) -> Report:
    """Return the tables and figures."""
    every = pd.concat([table.assign(setting=name) for name, table in results.tables.items()])
    means = every.groupby(["setting", "arm", "removed"], sort=False)[list(COLUMNS)].mean().reset_index()
    return Report({"Left out, mean changes": means, "Left out, each seed": every}, figures(results.tables))


def figures(tables: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """Draw the change of each figure by size, of every ranking and both kinds of random rows."""
    charts = {}
    for figure, title in (("accuracy", "accuracy"), ("auc", "AUC"), ("log loss", "log loss")):
        rows = []
        for setting, table in tables.items():
            names = {**{arm: arm for arm in MAIN}, RANDOM: RANDOM, CLASSES_AS_IN + TRACIN: MATCHED}
            for arm, series in names.items():
                for size, each in table[table["arm"] == arm].groupby("removed"):
                    value = row_of(mean_of(series, each[figure], each["seed"]))
                    rows.append({"panel": setting, "series": series, "removed": size, "seeds": seed_band(table, figure), **value})
        charts[f"removal, {figure}"] = Figure(
            lines(pd.DataFrame(rows), x="removed", x_title="rows left out (log scale)", y_title=f"change of {title}", log_x=True, colours=SERIES),
            f"Leaving the first rows of a ranking out: change of {title} on the test rows, means and 95 % intervals over paired seeds. 95 % of the "
            "differences between two seeds with nothing left out lie in the grey band; class-matched random rows are of the classes of TracIn's.",
        )
    return charts
