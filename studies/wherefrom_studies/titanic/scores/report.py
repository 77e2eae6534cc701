"""What is shown of the scores: agreement, stability, named rows and costs as tables; how influence falls with rank, and agreement, as charts."""

from collections.abc import Mapping

import pandas as pd

from wherefrom_studies.findings import Bar, Figure, Numbers
from wherefrom_studies.panels import clouds, dots, lines
from wherefrom_studies.part import Report
from wherefrom_studies.titanic.charts import SERIES, row_of
from wherefrom_studies.titanic.models import INFLUENCE, LARGE
from wherefrom_studies.titanic.scores.analysis import ScoreResults
from wherefrom_studies.titanic.scores.experiment import PAIRS, RANDOM, SettingTables

BANDS = "medians and 10 to 90 % bands over queries and seeds; random: sorted normal noise"
POINTS = {"drawn": "the 200 training and 100 held-out rows drawn", "all": "all rows"}
FALLING = {"x": "rank", "x_title": "rank (log scale)", "log_x": True, "colours": SERIES}
BARS = (Bar(f"{LARGE}/agreement/{INFLUENCE} and {RANDOM}/kendall", at_least=-0.01, at_most=0.01, source="chance"),)


def compose(results: ScoreResults) -> Report:
    """Return the tables and figures."""
    return Report(tables(results), figures(results))


def tables(results: ScoreResults) -> dict[str, pd.DataFrame]:
    """Return agreement, stability, the rows that both methods name and the cost."""
    agreed, steady = [], []
    for name, number in results.numbers.items():
        parts = name.split("/")
        if len(parts) == 4 and parts[1] in ("agreement", "stability"):
            row = {"setting": parts[0], "methods": parts[2], "figure": parts[3], "value": str(number)}
            (agreed if parts[1] == "agreement" else steady).append({**row, "chance": number.estimate.chance, "ceiling": number.estimate.ceiling})
    costs = [
        each.costs.groupby("method", sort=False)[["seconds", "bytes"]].mean().reset_index().assign(setting=name)
        for name, each in results.tables.items()
    ]
    return {
        "Agreement of two methods on the same network": pd.DataFrame(agreed),
        "Stability over seeds": pd.DataFrame(steady).drop(columns="ceiling"),
        "Rows that both methods name": pd.concat([each.named.assign(setting=name) for name, each in results.tables.items()]),
        "Cost of one network's scores": pd.concat(costs),
    }


def figures(results: ScoreResults) -> dict[str, Figure]:
    """Draw how influence falls with rank, ranks against ranks, overlap and agreement."""
    settings, agreed = results.tables, agreements(results.numbers, list(results.tables))
    return {
        **falling(settings),
        "rank against rank": Figure(
            clouds(ranks(settings), x="influence", y="TracIn", x_title="rank by influence", y_title="rank by TracIn"),
            "Where influence and TracIn (last layer) put each training row, for all held-out rows of the first seed's network.",
        ),
        "overlap": Figure(
            lines(overlaps(settings), x="k", x_title="k (log scale)", y_title="share of the top k in common", log_x=True, domain=[0, 1]),
            "What the top k of influence and TracIn have in common on the same network: means and 10 to 90 % of seeds. At k = n all lists agree.",
        ),
        "agreement": Figure(
            dots(agreed, category="batch", x_title="Kendall's tau on the same network", domain=[min(0.0, float(agreed["low"].min())), 1]),
            "Kendall's tau of two methods on the same network (MLP), 95 % intervals over seeds; the ticks are the ceilings that each method's own "
            "stability over seeds sets.",
        ),
    }


def falling(settings: Mapping[str, SettingTables]) -> dict[str, Figure]:
    """Draw how influence falls with rank."""
    charts = {}
    for points, words in POINTS.items():
        charts[f"by rank, {points}"] = Figure(
            lines(curve(settings, points, "magnitude"), y_title="|score| over the largest", domain=[0, 1], **FALLING),
            f"Influence by rank on {words}: {BANDS}.",
        )
        charts[f"cumulative, {points}"] = Figure(
            lines(curve(settings, points, "held"), y_title="share of all influence", domain=[0, 1], **FALLING),
            f"The share of all influence that the first ranks hold, on {words}: {BANDS}.",
        )
    charts["long tail"] = Figure(
        lines(curve(settings, "all", "rest"), y_title="share beyond the rank", domain=[0, 1], **FALLING),
        f"The long tail: what lies beyond a rank, on all rows: {BANDS}.",
    )
    charts["decay"] = Figure(
        lines(curve(settings, "all", "slope"), y_title="slope of log |score| on log rank", domain=[-3, 0], **FALLING),
        f"Decay speed: how many powers of ten influence falls for a tenfold rank; {BANDS}. Below -3 nothing is drawn.",
    )
    return charts


def curve(settings: Mapping[str, SettingTables], points: str, figure: str) -> pd.DataFrame:
    """Return one figure of how influence falls, for every setting; the last rank, where all is held, is left out."""
    frames = []
    for setting, tables in settings.items():
        rows = tables.falls[
            (tables.falls["points"] == points) & (tables.falls["figure"] == figure) & (tables.falls["rank"] < tables.falls["rank"].max())
        ]
        frames.append(rows.rename(columns={"method": "series"}).assign(panel=setting))
    return pd.concat(frames)


def ranks(settings: Mapping[str, SettingTables]) -> pd.DataFrame:
    """Return the last layer's ranks of every setting."""
    return pd.concat([tables.ranks[tables.ranks["layers"] == "last layer"].assign(panel=setting) for setting, tables in settings.items()])


def overlaps(settings: Mapping[str, SettingTables]) -> pd.DataFrame:
    """Return what two methods have in common by k, beside chance."""
    rows = []
    for setting, tables in settings.items():
        for layers, of_layers in tables.overlaps.groupby("layers", sort=False):
            for k, each in of_layers.groupby("k"):
                low, high = each["overlap"].quantile([0.1, 0.9])
                rows.append({"panel": setting, "series": layers, "k": k, "value": each["overlap"].mean(), "low": low, "high": high})
        for k, chance in tables.overlaps.groupby("k")["chance"].first().items():
            rows.append({"panel": setting, "series": "chance", "k": k, "value": chance, "low": chance, "high": chance})
    return pd.DataFrame(rows)


def agreements(numbers: Numbers, settings: list[str]) -> pd.DataFrame:
    """Return tau of the four pairs that the study compares, by batch size."""
    rows = []
    for setting in (name for name in settings if name.startswith("MLP")):
        for a, b in PAIRS[:4]:
            number = numbers[f"{setting}/agreement/{a} and {b}/kendall"]
            rows.append({"batch": setting.removeprefix("MLP, "), "series": f"{a} and {b}", "ceiling": number.estimate.ceiling, **row_of(number)})
    return pd.DataFrame(rows)
