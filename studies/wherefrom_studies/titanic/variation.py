"""Stability beyond the seed: other splits of the data, and other depths, widths, optimisers and learning rates."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.titanic.data import Case
from wherefrom_studies.titanic.models import MAIN, METHODS, Setting, scored, trained
from wherefrom_studies.titanic.scoring import K

SHARE = 0.8  # of the training rows in each split
BASE = "as trained"
CONFIGURATIONS = {
    BASE: Setting(),
    "one hidden layer": Setting(widths=(32,)),
    "three hidden layers": Setting(widths=(32, 16, 8)),
    "half the width": Setting(widths=(16, 8)),
    "twice the width": Setting(widths=(64, 32)),
    "SGD": Setting(optimiser="sgd", rate=0.1),
    "learning rate x 3": Setting(rate=3e-3),
    "learning rate / 3": Setting(rate=3e-4),
    "batches of 4": Setting(batch=4),
}
CHANGES = tuple(CONFIGURATIONS)[1:]
SEED, SPLIT = "another seed", "another split"


def varied(one: Case, seeds: tuple[int, ...], changes: tuple[str, ...], cache: Cache, facts: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each change, method and seed: tau and Kuncheva's index between scores before and after the change, everything else alike."""
    rows = [
        cache.rows(
            "varied", {**facts, "seed": seed, "next": after, "changes": changes}, lambda seed=seed, after=after: of_seed(one, seed, after, changes)
        )
        for seed, after in wf.progress.track(list(zip(seeds, (*seeds[1:], seeds[0]), strict=True)), "other configurations", len(seeds))
    ]
    return pd.concat(rows, ignore_index=True)


def of_seed(one: Case, seed: int, after: int, changes: tuple[str, ...]) -> list[dict[str, Any]]:
    """The base against the next seed, two splits of four fifths against each other, and against each configuration with the same seed."""
    asked = one.rows(one.held_out[::6])
    runs = {name: trained(one, CONFIGURATIONS[name], seed) for name in (BASE, *changes)}
    runs[SEED] = trained(one, CONFIGURATIONS[BASE], after)
    runs |= {f"{SPLIT} {part}": trained(resplit(one, seed, part), CONFIGURATIONS[BASE], seed) for part in (0, 1)}
    rows = []
    for method in MAIN:
        scores = {name: scored(run, METHODS[method], asked)[0] for name, run in runs.items()}
        pairs = {name: (scores[BASE], found) for name, found in scores.items() if name != BASE and not name.startswith(SPLIT)}
        pairs[SPLIT] = (scores[f"{SPLIT} 0"], scores[f"{SPLIT} 1"])
        for name, (a, b) in pairs.items():
            found = wf.metrics.agreement(a, b, k=K, progress=False)
            rows.append(
                {"change": name, "method": method, "seed": seed, "kendall": found.kendall.value, "kuncheva": found.kuncheva.value, "n": found.n}
            )
    return rows


def resplit(one: Case, seed: int, part: int) -> Case:
    """Four fifths of the training rows at random; two of them are compared on the rows that both have."""
    random = np.random.default_rng([seed, part])
    rows = np.sort(random.choice(one.train, round(SHARE * len(one.train)), replace=False))
    return Case(one.X, one.y, one.ids, one.said, rows, one.validation, one.test)
