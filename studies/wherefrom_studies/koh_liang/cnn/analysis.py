"""What networks with convolutions give: medians over seeds of each seed's median over its queries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, Numbers, median_of, single
from wherefrom_studies.koh_liang.cnn.experiment import DAMPED, FORMS, NetworkChanges, decays_of
from wherefrom_studies.study import Study

PUBLISHED = 0.86
FIGURES = ("pearson", "slope", "pearson, random images")
WHATS = ("accuracy", *(f"{form}/{figure}" for form in FORMS for figure in FIGURES))  # of the trainings that came to a minimum


@dataclass(frozen=True, eq=False)
class CnnResults:
    """The changes and the numbers made of them."""

    changes: NetworkChanges
    numbers: Numbers


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers of a form's weight decays."""
    return {f"cnn/{decay:g}/{what}" for decay in decays_of(study) for what in ("no minimum", *WHATS)}


def analyse(changes: NetworkChanges) -> CnnResults:
    """Return the numbers of each weight decay."""
    groups = changes.rows.groupby("decay")
    return CnnResults(changes, {name: number for decay, rows in groups for name, number in seed_numbers(f"cnn/{decay:g}", rows).items()})


def seed_numbers(name: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return medians over seeds of each seed's median over its queries."""
    there = table[table["why not"] == ""]
    seeds = there["seed"].unique().tolist()
    numbers = {f"{name}/no minimum": single("no minimum", table["seed"].nunique() - len(seeds), table["seed"].unique().tolist())}
    if not seeds:
        return numbers | {f"{name}/{what}": single(what, None) for what in WHATS}
    numbers[f"{name}/accuracy"] = median_of("accuracy", there.groupby("seed")["accuracy"].first(), seeds)
    drawn = there[there["kind"] == "random"]
    for form in FORMS:
        numbers[f"{name}/{form}/pearson"] = median_of("pearson", query_medians(there, form, _pearson), seeds, PUBLISHED if form == DAMPED else None)
        numbers[f"{name}/{form}/slope"] = median_of("slope", query_medians(there, form, _slope), seeds)
        numbers[f"{name}/{form}/pearson, random images"] = median_of("pearson, random images", query_medians(drawn, form, _pearson), seeds)
    return numbers


def query_medians(table: pd.DataFrame, form: str, figure: Callable[[Any, Any], float]) -> list[float]:
    """Return each seed's median over queries of a figure of actual and predicted changes."""
    each = table.groupby(["seed", "query"], sort=False)[["actual", form]].apply(lambda rows: figure(rows["actual"], rows[form]))
    return each.groupby("seed", sort=False).median().tolist()


def _pearson(actual: Any, predicted: Any) -> float:
    return float(np.corrcoef(actual, predicted)[0, 1])


def _slope(actual: Any, predicted: Any) -> float:
    return float(np.polyfit(actual, predicted, 1)[0])
