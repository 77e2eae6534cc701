"""Every figure of the study as a number with its seeds and interval."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Number, mean_of, median_of, single
from wherefrom_studies.titanic.models import MAIN, PAIR
from wherefrom_studies.titanic.removal import COLUMNS, excess, seed_band
from wherefrom_studies.titanic.scoring import FIGURES, Measured

Numbers = dict[str, Number]
MATCHED = "random, classes as in "
SMALL = 50  # the sizes that the original recommends
FREE = (-np.inf, np.inf)
SHARE, SIGNED, POSITIVE = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf)
BOUNDS = {
    **dict.fromkeys(("found", "top ten", "beyond 50", "jaccard", "fagin", "rbo"), SHARE),
    **dict.fromkeys(("kendall", "spearman", "kuncheva", "accuracy", "auc"), SIGNED),  # the latter two are changes
    **dict.fromkeys(("largest", "seconds", "bytes", "between queries"), POSITIVE),
    "half": (1.0, np.inf),
}
SKEWED = ("early over late",)  # a ratio whose mean a few seeds make
CEILED = ("kendall", "kuncheva")  # of which there is a stability over seeds too


@dataclass(frozen=True, eq=False)
class Tables:
    """What the parts of the study measured, by the name of the setting where it has one."""

    measured: Mapping[str, Measured]
    removed: Mapping[str, pd.DataFrame]
    varied: pd.DataFrame
    planted: pd.DataFrame
    defects: pd.DataFrame


def numbers(tables: Tables) -> Numbers:
    """All of them by name."""
    found: Numbers = {}
    for name, one in tables.measured.items():
        found |= of_setting(name, one)
    for name, table in tables.removed.items():
        found |= of_removal(name, table)
    found |= counted(tables.removed)
    found |= grouped("varied", tables.varied, ["change", "method"], ("kendall", "kuncheva"))
    found |= grouped("turned labels", tables.planted.rename(columns={"first": "length"}), ["ranking", "length"], ("found",))
    found["turned labels/chance"] = single("turned labels/chance", float(tables.planted["chance"].iloc[0]))
    for column in tables.defects.columns.drop(["seed", "next"], errors="ignore"):
        reach = SIGNED if "tau" in column or "r with" in column else POSITIVE if "of 50" in column or "of all" in column else SHARE
        found[f"defects/{column}"] = mean_of(f"defects/{column}", tables.defects[column], tables.defects["seed"], bounds=reach)
    return found


def grouped(prefix: str, table: pd.DataFrame, keys: list[str], columns: Iterable[str]) -> Numbers:
    """The mean over seeds of each column for each combination of keys."""
    found = {}
    for key, rows in table.groupby(keys, sort=False):
        for column in columns:
            name = "/".join([prefix, *map(str, key), column])
            good = rows.dropna(subset=[column])
            summed = median_of(name, good[column], good["seed"]) if column in SKEWED else None
            found[name] = summed or (mean_of(name, good[column], good["seed"], bounds=BOUNDS.get(column, FREE)) if len(good) else single(name, None))
    return found


def of_setting(setting: str, one: Measured) -> Numbers:
    """Agreement beside its ceiling, stability, shapes, costs and accuracy."""
    steady: dict[tuple[Any, Any], Any] = {(row["method"], row["figure"]): row for row in one.stability.to_dict("records")}
    found: Numbers = {}
    seeds = tuple(one.costs["seed"].unique().tolist())
    for (method, figure), row in steady.items():
        name = f"{setting}/stability/{method}/{figure}"
        low, high = (None if pd.isna(row[edge]) else float(row[edge]) for edge in ("low", "high"))
        found[name] = Number(wf.metrics.Estimate(name, float(row["value"]), low, high, 0.95, int(row["runs"]), chance=0.0), seeds)
    for key, rows in one.agreement.groupby(["method", "other"], sort=False):
        a, b = map(str, key)  # type: ignore[arg-type]
        for figure in FIGURES:
            name = f"{setting}/agreement/{a} and {b}/{figure}"
            number = mean_of(name, rows[figure], rows["seed"], bounds=BOUNDS[figure])
            both = [steady[method, {"kendall": "kendall", "kuncheva": "nogueira"}[figure]]["value"] for method in (a, b)] if figure in CEILED else []
            chance = {"jaccard": "jaccard chance", "fagin": "fagin chance"}.get(figure)
            estimate = replace(
                number.estimate,
                ceiling=float(np.sqrt(np.maximum(both, 0)).prod()) if both else None,
                chance=float(rows[chance].iloc[0]) if chance else 0.0 if figure in CEILED else None,
            )
            found[name] = replace(number, estimate=estimate)
        name = f"{setting}/agreement/{a} and {b}/between queries"
        found[name] = mean_of(name, rows["between queries"], rows["seed"], bounds=POSITIVE)
    found |= grouped(f"{setting}/shape", one.shapes, ["method"], ("top ten", "beyond 50", "half", "largest", "early over late"))
    found |= grouped(f"{setting}/cost", one.costs, ["method"], ("seconds", "bytes"))
    first = one.costs[one.costs["method"] == one.costs["method"].iloc[0]]
    found[f"{setting}/accuracy"] = mean_of(f"{setting}/accuracy", first["accuracy"], first["seed"], bounds=SHARE)
    return found


def of_removal(setting: str, table: pd.DataFrame) -> Numbers:
    """The mean change of each arm at each size, the band of the seeds alone, and each ranking's excess over random rows of the same classes."""
    found = grouped(f"{setting}/removal", table, ["arm", "removed"], COLUMNS)
    seeds = table["seed"].unique().tolist()
    for figure in COLUMNS:
        found[f"{setting}/removal/seed band/{figure}"] = single(f"{setting}/removal/seed band/{figure}", seed_band(table, figure), seeds)
    each = table.groupby("seed")["accuracy before"].first()
    found[f"{setting}/removal/accuracy before"] = mean_of(f"{setting}/removal/accuracy before", each, each.index, bounds=SHARE)
    for arm in [name for name in MAIN if name in set(table["arm"])]:
        for size in table["removed"].unique():
            name = f"{setting}/removal/{arm}/{size}/log loss beyond classes"
            found[name] = mean_of(name, excess(table, arm, MATCHED + arm, size, "log loss"), seeds)
    return found


def counted(removed: Mapping[str, pd.DataFrame]) -> Numbers:
    """Of the cells (setting, last-layer method, size to 50): how many mean changes of accuracy lie inside the band of the seeds."""
    cells = [
        (abs(float(rows["accuracy"].mean())) <= seed_band(table, "accuracy"), (rows["accuracy"].abs() <= seed_band(table, "accuracy")).mean())
        for table in removed.values()
        for (arm, size), rows in table.groupby(["arm", "removed"])
        if arm in PAIR and size <= SMALL  # type: ignore[operator]
    ]
    inside, single_runs = zip(*cells, strict=True)
    return {
        "removal/cells": single("removal/cells", len(cells)),
        "removal/cells inside the seed band": single("removal/cells inside the seed band", sum(inside), original=29),
        "removal/single runs inside the seed band": single("removal/single runs inside the seed band", float(np.mean(single_runs))),
    }


def contrast(name: str, a: pd.DataFrame, b: pd.DataFrame, column: str) -> Number:
    """The mean over seeds of a's column less b's, seed by seed."""
    both = a.set_index("seed")[column].sub(b.set_index("seed")[column]).dropna()
    return mean_of(name, both, both.index)
