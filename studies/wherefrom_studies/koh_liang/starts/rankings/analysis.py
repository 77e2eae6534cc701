"""How far the rankings of two starts agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Number, Numbers, median_of, single
from wherefrom_studies.koh_liang.starts.rankings.experiment import CELLS, DEEP
from wherefrom_studies.study import Study

TOP = 10  # of an overlap
FIGURES = ("spearman", "shared")


@dataclass(frozen=True, eq=False)
class RankingResults:
    """The agreement on each query by cell, and the numbers made of it."""

    agreement: Mapping[str, pd.DataFrame]
    numbers: Numbers


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    return {f"starts/{name}/{what}" for name in CELLS for what in (*FIGURES, "chance")} | {f"starts/{DEEP}/no minimum"}


def analyse(tables: Mapping[str, pd.DataFrame]) -> RankingResults:
    """Return medians over queries of each cell's agreement."""
    agreement, numbers = {name: measure_agreement(table) for name, table in tables.items()}, {}
    for name, table in tables.items():
        seeds, there = (rows["seed"].unique().tolist() for rows in (table, table[table["query"] >= 0]))
        if name == DEEP:
            numbers[f"starts/{name}/no minimum"] = single("no minimum", len(seeds) - len(there), seeds)
        numbers |= cell_numbers(f"starts/{name}", agreement[name], there)
    return RankingResults(agreement, numbers)


def cell_numbers(name: str, agreement: pd.DataFrame, seeds: list[int]) -> dict[str, Number]:
    """Return medians over queries, and what chance has in common."""
    medians = {f"{name}/{what}": median_of(what, agreement[what], seeds) for what in FIGURES}
    return {**medians, f"{name}/chance": single("chance", float(agreement["chance"].iloc[0]))}


def measure_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each query, means over every two starts: the rank correlation of scores, and the share of the ten largest that both name."""
    if (starts := table.loc[table["query"] >= 0, "seed"].nunique()) < 2:
        raise wf.UsageError(f"{starts} of the starts came to a minimum and it takes two to agree; give more --seeds.")
    rows = []
    for query, part in table[table["query"] >= 0].groupby("query"):
        wide = part.pivot(index="train", columns="seed", values="score").to_numpy()
        pairs = list(combinations(range(wide.shape[1]), 2))
        ranked = [wf.metrics.spearman(wide[:, a], wide[:, b]).value or 0.0 for a, b in pairs]
        firsts = [set(np.argsort(-np.abs(wide[:, column]), kind="stable")[:TOP].tolist()) for column in range(wide.shape[1])]
        shared = [len(firsts[a] & firsts[b]) / TOP for a, b in pairs]
        rows.append({"query": query, "spearman": float(np.mean(ranked)), "shared": float(np.mean(shared)), "chance": TOP / len(wide)})
    return pd.DataFrame(rows)
