"""Labels turned round: which rankings find them first, for the recommendations about outliers, the cross-check and the two-step pipeline."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.titanic.data import Case, flipped
from wherefrom_studies.titanic.models import MAIN, METHODS, Setting, trained

TOPS = (1, 5, 10, 35)
HYBRID, CHECKED, LOSS = "TracIn, then influence", "named by both", "loss"
FIRST = 50  # that TracIn hands on to influence


def planted(one: Case, seeds: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each seed, ranking and length: the share of turned labels among its first."""
    told = wf.progress.track(seeds, "turned labels", len(seeds))
    return pd.concat([cache.rows("planted", {**facts, "seed": seed}, lambda seed=seed: of_seed(one, seed)) for seed in told], ignore_index=True)


def of_seed(one: Case, seed: int) -> list[dict[str, Any]]:
    """Rankings by self-influence on a network that learnt the turned labels."""
    noisy, wrong = flipped(one, seed)
    run = trained(noisy, Setting(), seed)
    orders: dict[str, np.ndarray] = {}
    for name in MAIN:
        method, problem = METHODS[name](run)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wf.methods.CheckpointWarning)
            orders[name] = order(wf.self_influence(method, problem, progress=False))
    with torch.no_grad():
        (batch,) = run.problem.batches(size=len(run.problem))
        orders[LOSS] = order(run.problem.losses(run.problem.outputs(batch.inputs), batch))
    by_trace, by_influence = orders["TracIn, last layer"], orders["influence, last layer"]
    first = set(by_trace[:FIRST].tolist())
    orders[HYBRID] = np.array([row for row in by_influence.tolist() if row in first])
    # an example stands where the worse of its two places is
    places = np.maximum(by_trace.argsort(), by_influence.argsort())
    orders[CHECKED] = places.argsort(kind="stable")
    hit = np.isin(run.problem.ids, wrong)
    return [
        {"ranking": name, "first": top, "seed": seed, "found": float(hit[rows[:top]].mean()), "chance": float(hit.mean())}
        for name, rows in orders.items()
        for top in TOPS
    ]


def order(scores: torch.Tensor) -> np.ndarray:
    """Rows from the largest score down."""
    return scores.argsort(descending=True, stable=True).numpy()
