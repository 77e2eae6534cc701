"""The study's charts: the original's five for every batch size, the two it lacks, and what agreement, removal and stability came to."""

from collections.abc import Mapping

import pandas as pd

from wherefrom_studies.findings import Figure, Number, mean_of
from wherefrom_studies.panels import MATCHED, clouds, dots, lines
from wherefrom_studies.pictures import COLOURS
from wherefrom_studies.titanic.models import MAIN, PAIR
from wherefrom_studies.titanic.numbers import Numbers, Tables
from wherefrom_studies.titanic.removal import seed_band
from wherefrom_studies.titanic.scoring import PAIRS, Measured

SERIES = {**dict(zip(MAIN, COLOURS, strict=False)), MATCHED: COLOURS[4]}
BANDS = "medians and 10 to 90 % bands over queries and seeds; random: sorted normal noise"
POINTS = {"drawn": "the 200 training and 100 held-out rows drawn", "all": "all rows"}
FALLING = {"x": "rank", "x_title": "rank (log scale)", "log_x": True, "colours": SERIES}


def figures(tables: Tables, numbers: Numbers) -> dict[str, Figure]:
    """Every chart by name."""
    agreed = agreeing(numbers, list(tables.measured))
    return {
        **falling(tables.measured),
        "rank against rank": Figure(
            clouds(ranked(tables.measured), x="influence", y="TracIn", x_title="rank by influence", y_title="rank by TracIn"),
            "Where influence and TracIn (last layer) put each training row, for all held-out rows of the first seed's network.",
        ),
        "overlap": Figure(
            lines(overlapping(tables.measured), x="k", x_title="k (log scale)", y_title="share of the top k in common", log_x=True, domain=[0, 1]),
            "What the top k of influence and TracIn have in common on the same network: means and 10 to 90 % of seeds. At k = n all lists agree.",
        ),
        "agreement": Figure(
            dots(agreed, category="batch", x_title="Kendall's tau on the same network", domain=[min(0.0, float(agreed["low"].min())), 1]),
            "Kendall's tau of two methods on the same network (MLP), 95 % intervals over seeds; the ticks are the ceilings that each method's own "
            "stability over seeds sets.",
        ),
        **removing(tables.removed),
        "stability": Figure(
            dots(steady(tables.varied), category="change", x_title="Kendall's tau with the scores before the change", domain=[0, 1], colours=SERIES),
            "How far each method's scores (MLP, batches of 32) survive a change, all else alike: means and 95 % intervals over seeds.",
        ),
        "turned labels": Figure(
            dots(planted(numbers), category="first", x_title="share that are turned labels", domain=[0, 1]),
            "A twentieth of the training labels turned: how many of each ranking's first rows are turned ones; 95 % intervals over seeds. Chance is "
            "a twentieth.",
        ),
    }  # fmt: skip


def falling(measured: Mapping[str, Measured]) -> dict[str, Figure]:
    """How influence falls with rank."""
    found = {}
    for points, said in POINTS.items():
        found[f"by rank, {points}"] = Figure(
            lines(fallen(measured, points, "magnitude"), y_title="|score| over the largest", domain=[0, 1], **FALLING),
            f"Influence by rank on {said}: {BANDS}.",
        )
        found[f"cumulative, {points}"] = Figure(
            lines(fallen(measured, points, "held"), y_title="share of all influence", domain=[0, 1], **FALLING),
            f"The share of all influence that the first ranks hold, on {said}: {BANDS}.",
        )
    found["long tail"] = Figure(
        lines(fallen(measured, "all", "rest"), y_title="share beyond the rank", domain=[0, 1], **FALLING),
        f"The long tail: what lies beyond a rank, on all rows: {BANDS}.",
    )
    found["decay"] = Figure(
        lines(fallen(measured, "all", "slope"), y_title="slope of log |score| on log rank", domain=[-3, 0], **FALLING),
        f"Decay speed: how many powers of ten influence falls for a tenfold rank; {BANDS}. Below -3 nothing is drawn.",
    )
    return found


def fallen(measured: Mapping[str, Measured], points: str, figure: str) -> pd.DataFrame:
    """One figure of how influence falls, for every setting; the last rank, where all is held, is left out."""
    frames = []
    for setting, one in measured.items():
        rows = one.falls[(one.falls["points"] == points) & (one.falls["figure"] == figure) & (one.falls["rank"] < one.falls["rank"].max())]
        frames.append(rows.rename(columns={"method": "series"}).assign(panel=setting))
    return pd.concat(frames)


def ranked(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """The last layer's ranks of every setting."""
    return pd.concat([one.ranks[one.ranks["layers"] == "last layer"].assign(panel=setting) for setting, one in measured.items()])


def overlapping(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """What two methods have in common by k, beside chance."""
    rows = []
    for setting, one in measured.items():
        for layers, of_layers in one.overlaps.groupby("layers", sort=False):
            for k, each in of_layers.groupby("k"):
                low, high = each["overlap"].quantile([0.1, 0.9])
                rows.append({"panel": setting, "series": layers, "k": k, "value": each["overlap"].mean(), "low": low, "high": high})
        for k, chance in one.overlaps.groupby("k")["chance"].first().items():
            rows.append({"panel": setting, "series": "chance", "k": k, "value": chance, "low": chance, "high": chance})
    return pd.DataFrame(rows)


def agreeing(numbers: Numbers, settings: list[str]) -> pd.DataFrame:
    """Tau of the four pairs that the study compares, by batch size."""
    rows = []
    for setting in (name for name in settings if name.startswith("MLP")):
        for a, b in PAIRS[:4]:
            number = numbers[f"{setting}/agreement/{a} and {b}/kendall"]
            rows.append({"batch": setting.removeprefix("MLP, "), "series": f"{a} and {b}", "ceiling": number.estimate.ceiling, **drawn(number)})
    return pd.DataFrame(rows)


def removing(removed: Mapping[str, pd.DataFrame]) -> dict[str, Figure]:
    """The change of each figure by size, of every ranking and both kinds of random rows."""
    found = {}
    for figure, title in (("accuracy", "accuracy"), ("auc", "AUC"), ("log loss", "log loss")):
        rows = []
        for setting, table in removed.items():
            names = {**{arm: arm for arm in MAIN}, "random": "random", f"random, classes as in {PAIR[1]}": MATCHED}
            for arm, series in names.items():
                for size, each in table[table["arm"] == arm].groupby("removed"):
                    value = drawn(mean_of(series, each[figure], each["seed"]))
                    rows.append({"panel": setting, "series": series, "removed": size, "seeds": seed_band(table, figure), **value})
        found[f"removal, {figure}"] = Figure(
            lines(pd.DataFrame(rows), x="removed", x_title="rows left out (log scale)", y_title=f"change of {title}", log_x=True, colours=SERIES),
            f"Leaving the first rows of a ranking out: change of {title} on the test rows, means and 95 % intervals over paired seeds. 95 % of the "
            "differences between two seeds with nothing left out lie in the grey band; class-matched random rows are of the classes of TracIn's.",
        )
    return found


def steady(varied: pd.DataFrame) -> pd.DataFrame:
    """Each change, the one that leaves most first."""
    order = varied.groupby("change")["kendall"].mean().sort_values(ascending=False).index
    groups = dict(list(varied.groupby(["change", "method"], sort=False)))
    return pd.DataFrame(
        [
            {"change": change, "series": method, **drawn(mean_of("tau", groups[change, method]["kendall"], groups[change, method]["seed"]))}
            for change in order
            for method in MAIN
        ]
    )


def planted(numbers: Numbers) -> pd.DataFrame:
    """Shares of turned labels by ranking and length."""
    found = {tuple(name.split("/")[1:3]): number for name, number in numbers.items() if name.startswith("turned labels/") and name.endswith("/found")}
    lengths = sorted({int(first) for _, first in found})
    rows = [
        {"series": ranking, "first": f"first {length}", **drawn(number)}
        for length in lengths
        for (ranking, first), number in found.items()
        if int(first) == length
    ]
    return pd.DataFrame(rows)


def drawn(number: Number) -> dict[str, float | None]:
    """A number as a row of a chart."""
    it = number.estimate
    return {"value": it.value, "low": it.value if it.low is None else it.low, "high": it.value if it.high is None else it.high}
