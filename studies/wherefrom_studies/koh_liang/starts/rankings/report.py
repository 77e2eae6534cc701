"""What is shown of the rankings of several starts: how far two agree."""

import pandas as pd

from wherefrom_studies.findings import Figure
from wherefrom_studies.koh_liang.starts.rankings.analysis import RankingResults
from wherefrom_studies.panels import dots
from wherefrom_studies.part import Report

SERIES = {"spearman": "rank correlation", "shared": "share of the ten largest that both name"}


def compose(results: RankingResults) -> Report:
    """Return the agreement on each query, and the chart of medians."""
    rows = []
    for name in results.agreement:
        for what, series in SERIES.items():
            it = results.numbers[f"starts/{name}/{what}"].estimate
            rows.append({"cell": name, "series": series, "value": it.value, "low": it.low, "high": it.high})
    figure = Figure(
        dots(pd.DataFrame(rows), category="cell", x_title="agreement of two starts", domain=[0.0, 1.0]),
        "How far the influences of two models agree that differ in their start alone: medians over eight digits of means over pairs of starts, "
        "95 % intervals.",
    )
    agreed = pd.concat([table.assign(model=name) for name, table in results.agreement.items()], ignore_index=True)
    return Report({"starts, agreement of rankings": agreed}, {"starts": figure})
