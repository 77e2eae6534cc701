"""What the scores of each setting give: agreement beside its ceiling, stability, shapes, costs, and what batches of 4 change."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Number, mean_of
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.means import BOUNDS, SHARE, ExperimentResults, contrast, mean_by, select
from wherefrom_studies.titanic.models import INFLUENCE, LARGE, MAIN, PAIR, SMALL, TRACIN, UNDAMPED, methods_of, settings_of
from wherefrom_studies.titanic.scores.experiment import FIGURES, PAIRS, RANDOM, STEADY, SettingTables

SHAPES = ("top ten", "beyond 50", "half", "largest", "early over late")
COSTS = ("seconds", "bytes")
CEILINGS = {"kendall": "kendall", "kuncheva": "nogueira"}  # figures of which there is a stability over seeds too
CHANCES = {"jaccard": "jaccard chance", "fagin": "fagin chance"}
BETWEEN = "between queries"

TAIL, HALF = "contrast/tail, influence less TracIn", "contrast/rank at half, TracIn less influence"
TOP_TEN = {method: f"contrast/top ten at 4 less at 32, {method}" for method in PAIR}
TAU = {method: f"contrast/tau at 4 less at 32, {method}" for method in (INFLUENCE, UNDAMPED)}
ACCURACY = "contrast/accuracy at 4 less at 32"

ScoreResults = ExperimentResults[Mapping[str, SettingTables]]


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that the settings of a form give."""
    names = {TAIL, HALF, *TOP_TEN.values(), *TAU.values(), ACCURACY}
    for setting in settings_of(study):
        methods = methods_of(setting)
        pairs = [(a, b) for a, b in PAIRS if a in methods and (b in methods or b == RANDOM)]
        ends = [f"agreement/{a} and {b}/{figure}" for a, b in pairs for figure in (*FIGURES, BETWEEN)]
        ends += [f"stability/{method}/{figure}" for method in (*methods, RANDOM) for figure in STEADY]
        ends += [f"shape/{method}/{figure}" for method in (*MAIN, RANDOM) if method in methods or method == RANDOM for figure in SHAPES]
        ends += [f"cost/{method}/{figure}" for method in methods for figure in COSTS]
        names |= {f"{setting.name}/{end}" for end in (*ends, "accuracy")}
    return names


def analyse(tables: Mapping[str, SettingTables]) -> ScoreResults:
    """Return the numbers of every setting, and what its batches change."""
    numbers: dict[str, Number] = {}
    for setting, each in tables.items():
        numbers |= setting_numbers(setting, each)
    return ExperimentResults(tables, numbers | contrasts(tables))


def setting_numbers(setting: str, tables: SettingTables) -> dict[str, Number]:
    """Return agreement beside its ceiling, stability, shapes, costs and accuracy."""
    costs = tables.costs
    first = costs[costs["method"] == costs["method"].iloc[0]]
    return {
        **stability_numbers(setting, tables),
        **agreement_numbers(setting, tables),
        **mean_by(f"{setting}/shape", tables.shapes, ["method"], SHAPES),
        **mean_by(f"{setting}/cost", costs, ["method"], COSTS),
        f"{setting}/accuracy": mean_of(f"{setting}/accuracy", first["accuracy"], first["seed"], bounds=SHARE),
    }


def stability_numbers(setting: str, tables: SettingTables) -> dict[str, Number]:
    """Return how far each method agrees with itself over the seeds."""
    numbers, seeds = {}, tuple(tables.costs["seed"].unique().tolist())
    for row in tables.stability.to_dict("records"):
        name = f"{setting}/stability/{row['method']}/{row['figure']}"
        low, high = (None if pd.isna(row[edge]) else float(row[edge]) for edge in ("low", "high"))
        numbers[name] = Number(wf.metrics.Estimate(name, float(row["value"]), low, high, 0.95, int(row["runs"]), chance=0.0), seeds)
    return numbers


def agreement_numbers(setting: str, tables: SettingTables) -> dict[str, Number]:
    """Return how far two methods agree on the same network, with chance and the ceiling that their own stability sets."""
    steady: dict[tuple[Any, Any], float] = {(row["method"], row["figure"]): row["value"] for row in tables.stability.to_dict("records")}
    numbers = {}
    for (a, b), rows in tables.agreement.groupby(["method", "other"], sort=False):  # type: ignore[misc]
        for figure in (*FIGURES, BETWEEN):
            name = f"{setting}/agreement/{a} and {b}/{figure}"
            number = mean_of(name, rows[figure], rows["seed"], bounds=BOUNDS[figure])
            both = [steady[method, CEILINGS[figure]] for method in (a, b)] if figure in CEILINGS else []
            estimate = replace(
                number.estimate,
                ceiling=float(np.sqrt(np.maximum(both, 0)).prod()) if both else None,
                chance=float(rows[CHANCES[figure]].iloc[0]) if figure in CHANCES else 0.0 if figure in CEILINGS else None,
            )
            numbers[name] = replace(number, estimate=estimate)
    return numbers


def contrasts(tables: Mapping[str, SettingTables]) -> dict[str, Number]:
    """Return differences over paired seeds: between the methods at batches of 32, and between batches of 4 and of 32."""
    large, small = tables[LARGE], tables[SMALL]
    by_influence, by_tracin = (select(large.shapes, method=method) for method in PAIR)
    numbers = {TAIL: contrast(TAIL, by_influence, by_tracin, "beyond 50"), HALF: contrast(HALF, by_tracin, by_influence, "half")}
    for method, name in TOP_TEN.items():
        numbers[name] = contrast(name, select(small.shapes, method=method), select(large.shapes, method=method), "top ten")
    for method, name in TAU.items():
        pair = {"method": method, "other": TRACIN}
        numbers[name] = contrast(name, select(small.agreement, **pair), select(large.agreement, **pair), "kendall")
    numbers[ACCURACY] = contrast(ACCURACY, select(small.costs, method=TRACIN), select(large.costs, method=TRACIN), "accuracy")
    return numbers
