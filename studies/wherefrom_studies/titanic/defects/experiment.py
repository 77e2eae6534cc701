"""What the original's code did, done again: each defect as a number of what goes wrong without care."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.data import PassengerTable, passengers_of
from wherefrom_studies.titanic.models import METHODS, PAIR, TRACIN, K, NetworkSetting, score, seeds_of, train_network


def repeat_defects(study: Study) -> pd.DataFrame:
    """Return a row for each seed, each defect in a column."""
    passengers, facts = passengers_of(study)
    return repeat_for_seeds(passengers, seeds_of(study), study.cache, facts)


def repeat_for_seeds(passengers: PassengerTable, seeds: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of these seeds; the next one's network is the other where two are confounded."""
    pairs = list(zip(seeds, (*seeds[1:], seeds[0]), strict=True))
    parts = [
        cache.rows("defects", {**facts, "seed": seed, "next": after}, lambda seed=seed, after=after: [repeat_for_seed(passengers, seed, after)])
        for seed, after in wf.progress.track(pairs, "defects", len(pairs))
    ]
    return pd.concat(parts, ignore_index=True)


def repeat_for_seed(passengers: PassengerTable, seed: int, after: int) -> dict[str, Any]:
    """Do each defect to one network, and the next seed's where two are confounded."""
    run, other = (train_network(passengers, NetworkSetting(batch=4), each) for each in (seed, after))
    asked, rows = passengers.rows(passengers.held_out[::6]), passengers.train
    influence, tracin = (score(run, METHODS[name], asked)[0] for name in PAIR)
    last = run.setting.last
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", wf.methods.CheckpointWarning)
        copies = wf.attribute(wf.TracIn([dict(run.problem.parameters)] * 11, 0.01, last), run.problem, asked, progress=False)
    dot = wf.attribute(wf.GradientDot(), run.problem.restricted(last), asked, progress=False)
    objective = wf.Objective(double_sigmoid, None)
    twice = wf.Problem.of(run.problem.model, objective, (passengers.X[rows], passengers.y[rows]), ids=passengers.ids[rows]).at(run.problem.parameters)
    misread = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EmpiricalFisher(), wf.Exact())), twice.restricted(last), asked, progress=False)
    right = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EmpiricalFisher(), wf.Exact())), run.problem.restricted(last), asked, progress=False)
    return {
        "seed": seed,
        **delete_by_position(passengers, seed),
        "copies: told of by the library": float(any("same weights" in str(warning.message) for warning in warned)),
        "copies: r with gradient dot": value_of(wf.metrics.pearson(copies, dot)),
        "copies: tau with TracIn": value_of(wf.metrics.kendall(copies, tracin, progress=False)),
        "double sigmoid: tau with the loss trained": value_of(wf.metrics.kendall(misread, right, progress=False)),
        "one network: tau": value_of(wf.metrics.kendall(influence, tracin, progress=False)),
        "two networks: tau": value_of(wf.metrics.kendall(influence, score(other, METHODS[TRACIN], asked)[0], progress=False)),
        "k = n: Jaccard of random lists": everything_in_common(len(passengers.train), seed),
        "largest tau of a query": float(np.max(tau_by_query(influence, tracin))),
        "least tau of a query": float(np.min(tau_by_query(influence, tracin))),
    }


def delete_by_position(passengers: PassengerTable, seed: int) -> dict[str, float]:
    """Take a place in a shuffled split for an id in the table's own order; return how often the row deleted is the one meant."""
    random, n = np.random.default_rng(seed), len(passengers.train)
    shuffled = random.permutation(passengers.ids)
    train, deleted = shuffled[:n], passengers.ids[:n]
    top = random.choice(n, K, replace=False)
    gone = np.isin(train, deleted[top])
    return {
        "positional: rows meant": float((train == deleted).mean()),
        "positional: of 50, dropped": float(gone.sum()),
        "positional: of 50, meant": float(np.isin(train[top], deleted[top]).sum()),
        "positional: left of all": float((~np.isin(train, deleted)).sum()),
    }


def double_sigmoid(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss that takes probabilities for logits."""
    probabilities = outputs.reshape(-1).sigmoid()
    return torch.nn.functional.binary_cross_entropy_with_logits(probabilities, targets.to(probabilities.dtype), reduction="none")


def everything_in_common(n: int, seed: int) -> float:
    """Return Jaccard of the top n of two random rankings of n."""
    random = np.random.default_rng(seed)
    first, second = (set(random.permutation(n)[:n].tolist()) for _ in range(2))
    return len(first & second) / len(first | second)


def tau_by_query(a: wf.Scores, b: wf.Scores) -> list[float]:
    """Return each query's own tau."""
    return [tau for tau in wf.metrics.agreement(a, b, k=K, progress=False).per_query["kendall"] if tau is not None]


def value_of(estimate: wf.metrics.Estimate) -> float:
    """Return an estimate's value, which these have."""
    if estimate.value is None:
        raise wf.UsageError(f"{estimate.name} is {estimate.status}: {estimate.reason}")
    return estimate.value
