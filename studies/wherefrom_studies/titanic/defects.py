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
from wherefrom_studies.titanic.data import Case
from wherefrom_studies.titanic.models import METHODS, PAIR, Setting, scored, trained
from wherefrom_studies.titanic.scoring import K

INFLUENCE, TRACIN = PAIR


def defects(one: Case, seeds: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]) -> pd.DataFrame:
    """A row for each seed, each defect in a column."""
    pairs = list(zip(seeds, (*seeds[1:], seeds[0]), strict=True))
    found = [
        cache.rows("defects", {**facts, "seed": seed, "next": after}, lambda seed=seed, after=after: [of_seed(one, seed, after)])
        for seed, after in wf.progress.track(pairs, "defects", len(pairs))
    ]
    return pd.concat(found, ignore_index=True)


def of_seed(one: Case, seed: int, after: int) -> dict[str, Any]:
    """One network, and the next seed's where two are confounded."""
    run, other, asked = trained(one, Setting(batch=4), seed), trained(one, Setting(batch=4), after), one.rows(one.held_out[::6])
    influence, tracin = (scored(run, METHODS[name], asked)[0] for name in PAIR)
    last = run.setting.last
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", wf.methods.CheckpointWarning)
        copies = wf.attribute(wf.TracIn([dict(run.problem.parameters)] * 11, 0.01, last), run.problem, asked, progress=False)
    dot = wf.attribute(wf.GradientDot(), run.problem.restricted(last), asked, progress=False)
    twice = wf.Problem.of(run.problem.model, wf.Objective(double_sigmoid, None), (one.X[one.train], one.y[one.train]), ids=one.ids[one.train]).at(
        run.problem.parameters
    )
    misread = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EmpiricalFisher(), wf.Exact())), twice.restricted(last), asked, progress=False)
    right = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EmpiricalFisher(), wf.Exact())), run.problem.restricted(last), asked, progress=False)
    return {
        "seed": seed,
        **positional(one, seed),
        "copies: told of by the library": float(any("same weights" in str(one.message) for one in warned)),
        "copies: r with gradient dot": value(wf.metrics.pearson(copies, dot)),
        "copies: tau with TracIn": value(wf.metrics.kendall(copies, tracin, progress=False)),
        "double sigmoid: tau with the loss trained": value(wf.metrics.kendall(misread, right, progress=False)),
        "one network: tau": value(wf.metrics.kendall(influence, tracin, progress=False)),
        "two networks: tau": value(wf.metrics.kendall(influence, scored(other, METHODS[TRACIN], asked)[0], progress=False)),
        "k = n: Jaccard of random lists": everything(len(one.train), seed),
        "largest tau of a query": float(np.max(per_query(influence, tracin))),
        "least tau of a query": float(np.min(per_query(influence, tracin))),
    }


def positional(one: Case, seed: int) -> dict[str, float]:
    """The row deleted where the place in a shuffled split is read as the id in the table's own order: how often it is the one meant."""
    random, n = np.random.default_rng(seed), len(one.train)
    shuffled = random.permutation(one.ids)
    train, deleted = shuffled[:n], one.ids[:n]
    top = random.choice(n, K, replace=False)
    gone = np.isin(train, deleted[top])
    return {
        "positional: rows meant": float((train == deleted).mean()),
        "positional: of 50, dropped": float(gone.sum()),
        "positional: of 50, meant": float(np.isin(train[top], deleted[top]).sum()),
        "positional: left of all": float((~np.isin(train, deleted)).sum()),
    }


def double_sigmoid(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss that takes probabilities for logits."""
    probabilities = outputs.reshape(-1).sigmoid()
    return torch.nn.functional.binary_cross_entropy_with_logits(probabilities, targets.to(probabilities.dtype), reduction="none")


def everything(n: int, seed: int) -> float:
    """Jaccard of the top n of two random rankings of n."""
    random = np.random.default_rng(seed)
    first, second = (set(random.permutation(n)[:n].tolist()) for _ in range(2))
    return len(first & second) / len(first | second)


def per_query(a: wf.Scores, b: wf.Scores) -> list[float]:
    """Each query's own tau."""
    return [found for found in wf.metrics.agreement(a, b, k=K, progress=False).per_query["kendall"] if found is not None]


def value(estimate: wf.metrics.Estimate) -> float:
    """An estimate's value, which these have."""
    if estimate.value is None:
        raise wf.UsageError(f"{estimate.name} is {estimate.status}: {estimate.reason}")
    return estimate.value
