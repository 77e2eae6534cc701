"""What training loses without the examples that each method names first of all queries together, and DIVINE's trade-off; over seeds.

The thesis retrains once without every example that is some query's first, fewer by influence than by RelatIF. Here as many are left out by every
method and, beside them, as many drawn at random; a run and its baseline differ by these examples alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM
from wherefrom_studies.relatif.softmax import DECAYED, SoftmaxRun, SoftmaxSize, sgd_trainer, size_of, train_softmax
from wherefrom_studies.study import Study

CURVE = "curve"  # in place of a method, in the rows of DIVINE's trade-off


@dataclass(frozen=True, eq=False)
class RemovalTable:
    """For each seed a row for each method, which names ``count`` of ``images``, and one for each point of DIVINE's trade-off."""

    count: int
    images: int
    rows: pd.DataFrame


def count_of(study: Study) -> int:
    """Return how many examples a form leaves out."""
    return study.either(100, 20)


def retrain_without_first(study: Study) -> RemovalTable:
    """Return the rows of every seed."""
    size, count, seeds = size_of(study), count_of(study), study.count(5, 2)
    settings = {**size.settings(), "count": count}
    parts = [
        study.cache.rows("removed", {**settings, "seed": seed}, lambda seed=seed: retrain_seed(seed, size, count))
        for seed in wf.progress.track(seeds, "trained without the first", len(seeds))
    ]
    return RemovalTable(count, size.images, pd.concat(parts, ignore_index=True))


def retrain_seed(seed: int, size: SoftmaxSize, count: int) -> list[dict[str, Any]]:
    """Return a row for each method: mean loss of the queries with all examples and without those that it names; and DIVINE's trade-off."""
    run = train_softmax(DECAYED, seed, size)
    groups, curve = choose_first(run, seed, count)
    outcomes = wf.retrain_without(run.problem, groups, run.queries, sgd_trainer(), seeds=(seed,), progress=False)
    before, after = float(outcomes.baseline.mean()), outcomes.values[0].mean(0)
    rows = [
        {"seed": seed, "method": name, "loss": before, "loss without": float(after[place]), "chosen": np.sort(ids).tolist()}
        for place, (name, ids) in enumerate(groups.items())
    ]
    points = zip(curve.gamma, curve.influence, curve.diversity, curve.distance, strict=True)
    return rows + [
        {"seed": seed, "method": CURVE, "gamma": gamma, "influence": influence, "diversity": diversity, "distance": distance}
        for gamma, influence, diversity, distance in points
    ]


def choose_first(run: SoftmaxRun, seed: int, count: int) -> tuple[dict[str, np.ndarray], wf.select.TradeOff]:
    """Return the examples that each method names first of all queries together, and DIVINE's curve."""
    fitted = run.ihvp.fit(run.problem)
    groups, influence = {}, torch.empty(0)
    for name, method in METHODS.items():
        values = wf.attribute(method(fitted), run.problem, run.queries, aggregate=True, progress=False).values[0]
        groups[name] = values.argsort(descending=True, stable=True)[:count].numpy()
        influence = values if name == INFLUENCE else influence
    divine = wf.select.divine(influence, run.X, count, progress=False)
    groups[DIVINE] = divine.ids.astype(int)
    groups[RANDOM] = np.random.default_rng(seed).choice(len(run.problem), count, replace=False)
    return groups, divine.curve
