"""Means over runs of what the lists of each method are like, as numbers and as a chart."""

from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd

from wherefrom_studies.findings import Number, mean_of
from wherefrom_studies.panels import dots

FIGURES = ("distinct first", "shared by two queries", "of the query's class", "outliers", "flipped")
TITLES = {
    "distinct first": "distinct examples in the first place, of all queries",
    "shared by two queries": "share of five that two queries have in common",
    "of the query's class": "share of the first five of the query's class",
    "outliers": "share of the first five that are outliers",
    "flipped": "share of the first five that are flipped",
}


def numbered(name: str, rows: pd.DataFrame, runs: Iterable[int], figures: Sequence[str] = FIGURES) -> dict[str, Number]:
    """The mean over runs of each figure of one method, and of what chance gives."""
    found, runs = {}, tuple(runs)
    for what in figures:
        found[f"{name}/{what}"] = mean_of(what, rows[what], runs, bounds=(0.0, 1.0))
        if f"chance, {what}" in rows and rows[f"chance, {what}"].notna().all():
            found[f"{name}/{what}, chance"] = mean_of(what, rows[f"chance, {what}"], runs, bounds=(0.0, 1.0))
    return found


def charted(numbers: dict[str, Number], series: dict[str, str], methods: Sequence[str], figures: Sequence[str]) -> alt.TopLevelMixin:
    """A panel for each figure: a row for each method, a dot for each series (its title -> the front of its numbers' names)."""
    charts = []
    for what in figures:
        rows = []
        for method in methods:
            for title, front in series.items():
                if number := numbers.get(f"{front}/{method}/{what}"):
                    it = number.estimate
                    rows.append({"method": method, "series": title, "value": it.value, "low": it.low, "high": it.high})
        frame = pd.DataFrame(rows)
        most = max(0.05, float(frame[["value", "high"]].max().max()))
        charts.append(dots(frame, category="method", x_title=TITLES[what], domain=[0.0, min(1.0, 1.05 * most)], width=250))
    return alt.concat(*charts, columns=2)
