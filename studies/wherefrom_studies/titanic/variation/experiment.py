"""Stability beyond the seed: other splits of the data, and other depths, widths, optimisers and learning rates."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.data import PassengerTable, passengers_of
from wherefrom_studies.titanic.models import MAIN, METHODS, K, NetworkSetting, score, seeds_of, train_network

SHARE = 0.8  # of the training rows in each split
BASE = "as trained"
CONFIGURATIONS = {
    BASE: NetworkSetting(),
    "one hidden layer": NetworkSetting(widths=(32,)),
    "three hidden layers": NetworkSetting(widths=(32, 16, 8)),
    "half the width": NetworkSetting(widths=(16, 8)),
    "twice the width": NetworkSetting(widths=(64, 32)),
    "SGD": NetworkSetting(optimiser="sgd", rate=0.1),
    "learning rate x 3": NetworkSetting(rate=3e-3),
    "learning rate / 3": NetworkSetting(rate=3e-4),
    "batches of 4": NetworkSetting(batch=4),
}
CHANGES = tuple(CONFIGURATIONS)[1:]
SEED, SPLIT = "another seed", "another split"


def vary_training(study: Study) -> pd.DataFrame:
    """Return the table of a form; the quick one has two seeds."""
    passengers, facts = passengers_of(study)
    seeds = seeds_of(study)
    return vary_for_seeds(passengers, study.either(seeds, seeds[:2]), changes_of(study), study.cache, facts)


def changes_of(study: Study) -> tuple[str, ...]:
    """Return the other configurations of a form."""
    return study.either(CHANGES, CHANGES[:1])


def vary_for_seeds(
    passengers: PassengerTable, seeds: tuple[int, ...], changes: tuple[str, ...], cache: Cache, facts: Mapping[str, Any]
) -> pd.DataFrame:
    """Return a row for each change, method and seed: tau and Kuncheva's index between scores before and after the change, everything else alike."""
    rows = [
        cache.rows(
            "varied",
            {**facts, "seed": seed, "next": after, "changes": changes},
            lambda seed=seed, after=after: vary_for_seed(passengers, seed, after, changes),
        )
        for seed, after in wf.progress.track(list(zip(seeds, (*seeds[1:], seeds[0]), strict=True)), "other configurations", len(seeds))
    ]
    return pd.concat(rows, ignore_index=True)


def vary_for_seed(passengers: PassengerTable, seed: int, after: int, changes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Compare the base with the next seed, two splits of four fifths with each other, and the base with each configuration with the same seed."""
    asked = passengers.rows(passengers.held_out[::6])
    runs = {name: train_network(passengers, CONFIGURATIONS[name], seed) for name in (BASE, *changes)}
    runs[SEED] = train_network(passengers, CONFIGURATIONS[BASE], after)
    runs |= {f"{SPLIT} {part}": train_network(resplit(passengers, seed, part), CONFIGURATIONS[BASE], seed) for part in (0, 1)}
    rows = []
    for method in MAIN:
        scores = {name: score(run, METHODS[method], asked)[0] for name, run in runs.items()}
        pairs = {name: (scores[BASE], result) for name, result in scores.items() if name != BASE and not name.startswith(SPLIT)}
        pairs[SPLIT] = (scores[f"{SPLIT} 0"], scores[f"{SPLIT} 1"])
        for name, (a, b) in pairs.items():
            result = wf.metrics.agreement(a, b, k=K, progress=False)
            rows.append(
                {"change": name, "method": method, "seed": seed, "kendall": result.kendall.value, "kuncheva": result.kuncheva.value, "n": result.n}
            )
    return rows


def resplit(passengers: PassengerTable, seed: int, part: int) -> PassengerTable:
    """Take four fifths of the training rows at random; two of them are compared on the rows that both have."""
    random = np.random.default_rng([seed, part])
    rows = np.sort(random.choice(passengers.train, round(SHARE * len(passengers.train)), replace=False))
    return replace(passengers, train=rows)
