"""What leaving out gives: rises of the loss, also over random, how far seeds choose alike, and DIVINE's trade-off."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of, single
from wherefrom_studies.relatif.lists import DIVINE, METHODS, RANDOM
from wherefrom_studies.relatif.removal.experiment import CURVE, RemovalTable
from wherefrom_studies.study import Study

ARMS = (*METHODS, DIVINE, RANDOM)
BASELINE, CHANCE = "removed/loss", "removed/chosen again, chance"
GAMMAS = (1.0, 10.0, 100.0)  # weights of diversity at which pairs are said to lie so much further apart


@dataclass(frozen=True, eq=False)
class RemovalResults:
    """The table, the numbers made of it, and the trade-off with its intervals, relative to the plain top."""

    table: RemovalTable
    numbers: Numbers
    trade_off: pd.DataFrame


def arm_number(arm: str, figure: str) -> str:
    """Return the name of a number of what one method names, or of as many at random."""
    return f"removed/{arm}/{figure}"


def spread_number(gamma: float) -> str:
    """Return the name of how much further apart DIVINE's pairs lie at a weight of diversity."""
    return f"removed/spread/{gamma:g}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    names = {arm_number(arm, figure) for arm in ARMS for figure in ("change", "over random", "chosen again")}
    return names | {BASELINE, CHANCE, *map(spread_number, GAMMAS)}


def analyse(table: RemovalTable) -> RemovalResults:
    """Return the numbers and the trade-off."""
    rows = table.rows
    seeds = sorted(rows["seed"].unique().tolist())
    after = rows[rows["method"] != CURVE].pivot(index="seed", columns="method", values="loss without")
    before = rows[rows["method"] == RANDOM].set_index("seed")["loss"]
    numbers: dict[str, Number] = {BASELINE: mean_of("loss", before, seeds)}
    for arm in ARMS:
        numbers[arm_number(arm, "change")] = mean_of("change", after[arm] - before, seeds)
        numbers[arm_number(arm, "over random")] = mean_of("over random", after[arm] - after[RANDOM], seeds)
    for arm, shares in shared_choices(rows).items():
        numbers[arm_number(arm, "chosen again")] = single("chosen again", float(np.mean(shares)) if shares else None, seeds)
    numbers[CHANCE] = single("chance", table.count / table.images)
    return RemovalResults(table, numbers | spreads(rows), trade_off_means(rows))


def shared_choices(table: pd.DataFrame) -> dict[str, list[float]]:
    """Return for each method the share of its choice that every two seeds have in common."""
    shares = {}
    for name, rows in table[table["method"] != CURVE].groupby("method", sort=False):
        sets = [set(map(int, ids)) for ids in rows["chosen"]]
        shares[str(name)] = [len(one & other) / len(one) for place, one in enumerate(sets) for other in sets[:place]]
    return shares


def curve_points(table: pd.DataFrame) -> pd.DataFrame:
    """Return the trade-off at the γ that every seed was asked at, distance and diversity relative to the plain top's."""
    curve = table[table["method"] == CURVE]
    relative = {column: curve[column] / curve.groupby("seed")[column].transform("first") for column in ("distance", "diversity")}
    curve = curve.assign(**relative)
    return curve.groupby("gamma").filter(lambda rows: len(rows) == table["seed"].nunique() and rows["gamma"].iloc[0] > 0)


def trade_off_means(table: pd.DataFrame) -> pd.DataFrame:
    """Return means and intervals of influence, distance and facility location by γ."""
    rows = []
    for gamma, points in curve_points(table).groupby("gamma"):
        for column, title in (("influence", "influence kept"), ("distance", "distance between pairs"), ("diversity", "facility location")):
            mean = mean_of(column, points[column], points["seed"]).estimate
            low, high = (mean.value if edge is None else edge for edge in (mean.low, mean.high))
            rows.append({"panel": "DIVINE", "series": title, "gamma": gamma, "value": mean.value, "low": low, "high": high})
    return pd.DataFrame(rows)


def spreads(table: pd.DataFrame) -> dict[str, Number]:
    """Return how much further apart pairs lie at each of ``GAMMAS`` than in the plain top."""
    points = curve_points(table)
    rows = {gamma: points[np.isclose(points["gamma"], gamma)] for gamma in GAMMAS}
    return {spread_number(gamma): mean_of("spread", part["distance"], part["seed"]) for gamma, part in rows.items()}
