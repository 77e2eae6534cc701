"""What is shown of inspections: tables of each seed and of means, gains curves, and AUC and cost side by side."""

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from wherefrom_studies.findings import Figure, Numbers
from wherefrom_studies.mislabel.inspection.analysis import COLUMNS, InspectionResults, by_auc, ranking_number
from wherefrom_studies.mislabel.inspection.experiment import POINTS
from wherefrom_studies.mislabel.rankings import EKFAC, LOSS, RANDOM
from wherefrom_studies.panels import dots, lines
from wherefrom_studies.part import Report

DRAWN = (EKFAC, "influence, Arnoldi", "TracIn", "TRAK", "KNN-Shapley", LOSS, "mean loss", RANDOM)  # of the curves; all are in the tables


def compose(results: InspectionResults) -> Report:
    """Return the tables and figures."""
    means = {f"{data}, means over seeds": means_table(data, results.numbers) for data in results.each}
    each = {f"{data}, each seed": table.drop(columns="curve") for data, table in results.each.items()}
    return Report(means | each, figures(results))


def means_table(data: str, numbers: Numbers) -> pd.DataFrame:
    """Return a row for each ranking, the highest AUC first."""
    return pd.DataFrame([
        {"ranking": ranking, **{column: str(numbers[ranking_number(data, ranking, column)]) for column in COLUMNS}}
        for ranking in by_auc(data, numbers)
    ])  # fmt: skip


def figures(results: InspectionResults) -> dict[str, Figure]:
    """Draw gains curves, and AUC and cost side by side."""
    gains = pd.concat([gains_curves(table, data, DRAWN) for data, table in results.each.items()])
    return {
        "gains": Figure(
            lines(gains, x="looked", x_title="training examples looked at (%)", y_title="share of the flipped labels found", domain=[0, 1]),
            "What an inspection in the order of each ranking finds: means, and the range over the seeds.",
        ),
        "auc": Figure(side_by_side(results, "auc", "ROC AUC of flipped labels"), "ROC AUC of every ranking: means and 95 % intervals over seeds."),
        "cost": Figure(
            side_by_side(results, "seconds", "seconds of one core (log scale)", log=True),
            "What each ranking takes, its fit included: means and 95 % intervals over seeds.",
        ),
    }


def gains_curves(table: pd.DataFrame, panel: str, rankings: tuple[str, ...]) -> pd.DataFrame:
    """Return the mean curve of these rankings with the range of the seeds, as a chart wants it."""
    share = np.linspace(0, 1, POINTS)
    rows = []
    for name in rankings:
        curves = np.array(table[table["ranking"] == name]["curve"].tolist())
        for x, column in zip(share, curves.T, strict=True):
            rows.append({"panel": panel, "series": name, "looked": 100 * x, "value": column.mean(), "low": column.min(), "high": column.max()})
    return pd.DataFrame(rows)


def side_by_side(results: InspectionResults, column: str, title: str, log: bool = False) -> alt.TopLevelMixin:
    """Draw a row for each ranking, in the order of its mean over the sets, and a dot for each set."""
    rows = []
    for ranking in order_over_sets(results.each, column):
        for data in results.each:
            mean = results.numbers[ranking_number(data, ranking, column)].estimate
            rows.append({"ranking": ranking, "series": data, "value": mean.value, "low": mean.low, "high": mean.high})
    frame = pd.DataFrame(rows)
    least, most = float(frame["value"][frame["value"] > 0].min()), float(frame["value"].max())
    domain = [least / 2, 2 * most] if log else [min(0.4, float(frame["value"].min())), 1.0]
    return dots(frame, category="ranking", x_title=title, domain=domain, log_x=log)


def order_over_sets(tables: Mapping[str, pd.DataFrame], column: str) -> list[str]:
    """Return the rankings by their mean over all sets and seeds, the highest first."""
    return pd.concat(tables.values()).groupby("ranking")[column].mean().sort_values(ascending=False).index.tolist()
