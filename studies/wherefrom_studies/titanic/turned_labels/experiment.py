"""Labels turned round: which rankings find them first, for the recommendations about outliers, the cross-check and the two-step pipeline."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.data import PassengerTable, flip_labels, passengers_of
from wherefrom_studies.titanic.models import INFLUENCE, MAIN, METHODS, TRACIN, NetworkSetting, seeds_of, train_network

TOPS = (1, 5, 10, 35)
HYBRID, CHECKED, LOSS = "TracIn, then influence", "named by both", "loss"
RANKINGS = (*MAIN, LOSS, HYBRID, CHECKED)
FIRST = 50  # that TracIn hands on to influence


def turn_labels(study: Study) -> pd.DataFrame:
    """Return the table of a form."""
    passengers, facts = passengers_of(study)
    return turn_for_seeds(passengers, seeds_of(study), study.cache, facts)


def turn_for_seeds(passengers: PassengerTable, seeds: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row for each seed, ranking and length: the share of turned labels among its first."""
    tracked = wf.progress.track(seeds, "turned labels", len(seeds))
    parts = [cache.rows("planted", {**facts, "seed": seed}, lambda seed=seed: turn_for_seed(passengers, seed)) for seed in tracked]
    return pd.concat(parts, ignore_index=True)


def turn_for_seed(passengers: PassengerTable, seed: int) -> list[dict[str, Any]]:
    """Rank by self-influence on a network that learnt the turned labels."""
    noisy, wrong = flip_labels(passengers, seed)
    run = train_network(noisy, NetworkSetting(), seed)
    orders: dict[str, np.ndarray] = {}
    for name in MAIN:
        method, problem = METHODS[name](run)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wf.methods.CheckpointWarning)
            orders[name] = order_rows(wf.self_influence(method, problem, progress=False))
    with torch.no_grad():
        (batch,) = run.problem.batches(size=len(run.problem))
        orders[LOSS] = order_rows(run.problem.losses(run.problem.outputs(batch.inputs), batch))
    by_trace, by_influence = orders[TRACIN], orders[INFLUENCE]
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


def order_rows(scores: torch.Tensor) -> np.ndarray:
    """Return the rows from the largest score down."""
    return scores.argsort(descending=True, stable=True).numpy()
