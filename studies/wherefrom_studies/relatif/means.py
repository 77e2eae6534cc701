"""Means over runs of what the lists of each method are like, as numbers and as a chart."""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt
import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of
from wherefrom_studies.panels import dots

FIGURES = ("distinct first", "shared by two queries", "of the query's class", "outliers", "flipped")
TITLES = {
    "distinct first": "distinct examples in the first place, of all queries",
    "shared by two queries": "share of five that two queries have in common",
    "of the query's class": "share of the first five of the query's class",
    "outliers": "share of the first five that are outliers",
    "flipped": "share of the first five that are flipped",
}


def mean_names(front: str, figures: Sequence[str] = FIGURES, chance: bool = True) -> set[str]:
    """Return the names of one method's means, and of what chance gives where that is known."""
    return {f"{front}/{figure}{end}" for figure in figures for end in (("", ", chance") if chance else ("",))}


def mean_numbers(front: str, rows: pd.DataFrame, runs: Iterable[int], figures: Sequence[str] = FIGURES) -> dict[str, Number]:
    """Return the mean over runs of each figure of one method, and of what chance gives."""
    numbers, runs = {}, tuple(runs)
    for figure in figures:
        numbers[f"{front}/{figure}"] = mean_of(figure, rows[figure], runs, bounds=(0.0, 1.0))
        if f"chance, {figure}" in rows and rows[f"chance, {figure}"].notna().all():
            numbers[f"{front}/{figure}, chance"] = mean_of(figure, rows[f"chance, {figure}"], runs, bounds=(0.0, 1.0))
    return numbers


def chart_means(numbers: Numbers, series: Mapping[str, str], methods: Sequence[str], figures: Sequence[str]) -> alt.TopLevelMixin:
    """Draw a panel for each figure: a row for each method, a dot for each series (its title -> the front of its numbers' names)."""
    charts = []
    for figure in figures:
        rows = []
        for method in methods:
            for title, front in series.items():
                if number := numbers.get(f"{front}/{method}/{figure}"):
                    mean = number.estimate
                    rows.append({"method": method, "series": title, "value": mean.value, "low": mean.low, "high": mean.high})
        frame = pd.DataFrame(rows)
        most = max(0.05, float(frame[["value", "high"]].max().max()))
        charts.append(dots(frame, category="method", x_title=TITLES[figure], domain=[0.0, min(1.0, 1.05 * most)], width=250))
    return alt.concat(*charts, columns=2)
