"""What training loses without the examples that each method names first of all queries together, and DIVINE's trade-off; over seeds.

The thesis retrains once without every example that is some query's first, fewer by influence than by RelatIF. Here as many are left out by every
method and, beside them, as many drawn at random; a run and its baseline differ by these examples alone.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch

import whence as wh
from whence.progress import track
from whence.studies.relatif.digits import DECAYED, Size, Trained, trained, trainer
from whence.studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM
from whence.studies.study import Study


def chosen(one: Trained, seed: int, count: int) -> tuple[dict[str, np.ndarray], wh.TradeOff]:
    """The examples that each method names first of all queries together, and DIVINE's curve."""
    fitted = one.ihvp.fit(one.problem)
    found, influence = {}, torch.empty(0)
    for name, method in METHODS.items():
        values = wh.attribute(method(fitted), one.problem, one.queries, aggregate=True, progress=False).values[0]
        found[name] = values.argsort(descending=True, stable=True)[:count].numpy()
        influence = values if name == INFLUENCE else influence
    divine = wh.divine(influence, one.X, count, progress=False)
    found[DIVINE] = divine.ids.astype(int)
    found[RANDOM] = np.random.default_rng(seed).choice(len(one.problem), count, replace=False)
    return found, divine.curve


def retrained(seed: int, size: Size, count: int) -> list[dict[str, Any]]:
    """A row for each method: mean loss of the queries with all examples and without those that it names."""
    one = trained(DECAYED, seed, size)
    groups, curve = chosen(one, seed, count)
    outcomes = wh.retrain_without(one.problem, groups, one.queries, trainer(), seeds=(seed,), progress=False)
    before, after = float(outcomes.baseline.mean()), outcomes.values[0].mean(0)
    rows = [
        {"seed": seed, "method": name, "loss": before, "loss without": float(after[place]), "chosen": np.sort(ids).tolist()}
        for place, (name, ids) in enumerate(groups.items())
    ]
    told = zip(curve.gamma, curve.influence, curve.diversity, curve.distance, strict=True)
    points = [{"seed": seed, "method": "curve", "gamma": g, "influence": i, "diversity": d, "distance": far} for g, i, d, far in told]
    return rows + points


def measured(study: Study, size: Size, count: int) -> pd.DataFrame:
    """Every seed."""
    told = track(study.count(5, 2), "trained without the first", len(study.count(5, 2)))
    facts = {**vars(size), "count": count}
    parts = [study.kept.rows("removed", {**facts, "seed": seed}, lambda seed=seed: retrained(seed, size, count)) for seed in told]
    return pd.concat(parts, ignore_index=True)


def agreeing(table: pd.DataFrame) -> dict[str, list[float]]:
    """For each method the share of its choice that every two seeds have in common."""
    found = {}
    for name, rows in table[table["method"] != "curve"].groupby("method", sort=False):
        sets = [set(map(int, ids)) for ids in rows["chosen"]]
        found[str(name)] = [len(a & b) / len(a) for place, a in enumerate(sets) for b in sets[:place]]
    return found
