"""Every method on every seed's network of one setting: agreement, stability, how influence falls with rank, cost and who is named."""

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.titanic.data import Case
from wherefrom_studies.titanic.falling import falls, grid, shapes
from wherefrom_studies.titanic.models import MAIN, Setting, accuracy, bytes_of, methods_of, scored, trained

K = 50  # the original's largest k that is not all of the data
FIGURES = ("kendall", "spearman", "jaccard", "fagin", "rbo", "kuncheva")
STEADY = ("kendall", "nogueira")
RANDOM = "random"
PAIRS = (
    ("influence, last layer", "TracIn, last layer"),
    ("influence, all layers", "TracIn, all layers"),
    ("influence, last layer, undamped", "TracIn, last layer"),
    ("influence, all layers, undamped", "TracIn, all layers"),
    ("influence, last layer", "influence, last layer, undamped"),
    ("influence, last layer", "influence, all layers"),
    ("TracIn, last layer", "TracIn, all layers"),
    ("influence, last layer", RANDOM),
)


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of each method on each seed's network for all held-out rows, those for all of them at once, and what they cost."""

    each: Mapping[str, list[wf.Scores]]
    whole: Mapping[str, list[wf.Scores]]
    rows: list[dict[str, Any]]  # of each seed and method: seconds, bytes, the network's accuracy


@dataclass(frozen=True, eq=False)
class Measured:
    """Tables of one setting, a row for each seed where they have seeds."""

    agreement: pd.DataFrame
    stability: pd.DataFrame
    falls: pd.DataFrame
    shapes: pd.DataFrame
    named: pd.DataFrame
    overlaps: pd.DataFrame
    ranks: pd.DataFrame
    costs: pd.DataFrame


def measured(one: Case, setting: Setting, seeds: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]) -> Measured:
    """What is kept is read; otherwise all methods score once and serve every table."""
    settings, scores = {**facts, **setting.facts(), "seeds": list(seeds)}, functools.cache(lambda: all_scores(one, setting, seeds))
    return Measured(
        cache.rows("agreement", settings, lambda: agreement(scores(), one, seeds)),
        cache.rows("stability", settings, lambda: stability(scores(), one)),
        cache.rows("falls", settings, lambda: falls({name: scores().each[name] for name in main(scores())})),
        cache.rows("shapes", settings, lambda: shapes({name: scores().each[name] for name in main(scores())}, seeds)),
        cache.rows("named", settings, lambda: named(scores(), one)),
        cache.rows("overlaps", settings, lambda: overlaps(scores(), one, seeds)),
        cache.rows("ranks", settings, lambda: ranks(scores())),
        cache.rows("costs", settings, lambda: scores().rows),
    )


def main(scores: Scored) -> list[str]:
    """The damped methods of this setting."""
    return [name for name in MAIN if name in scores.each]


def all_scores(one: Case, setting: Setting, seeds: tuple[int, ...]) -> Scored:
    """One network for each seed, asked by all methods: what differs between methods is not the network."""
    methods, queries, found = methods_of(setting), one.rows(one.held_out), Scored({}, {}, [])
    each: dict[str, list[wf.Scores]] = {name: [] for name in methods}
    whole: dict[str, list[wf.Scores]] = {name: [] for name in methods}
    for scorer in methods.values():
        scored(trained(one, setting, seeds[0]), scorer, queries)  # what a process pays once is no method's cost
    for seed in wf.progress.track(seeds, f"{setting.name}, scores", len(seeds)):
        run = trained(one, setting, seed)
        for name, scorer in methods.items():
            scores, seconds = scored(run, scorer, queries)
            each[name].append(scores)
            whole[name].append(scored(run, scorer, queries, aggregate=True)[0])
            facts = {"accuracy": accuracy(run, one, one.held_out), "accuracy on test": accuracy(run, one, one.test)}
            found.rows.append({"method": name, "seed": seed, "seconds": seconds, "bytes": bytes_of(run, name), **facts})
    return Scored(each, whole, found.rows)


def agreement(scores: Scored, one: Case, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Each pair of methods on each seed's network: figures averaged over a third of the held-out rows, and of single ones the spread of τ."""
    asked, rows = one.ids[one.held_out][::3], []
    for a, b in PAIRS:
        if a not in scores.each or (b not in scores.each and b != RANDOM):
            continue
        for place, seed in enumerate(wf.progress.track(seeds, f"{a} beside {b}", len(seeds))):
            x = of(scores.each[a][place], asked)
            y = drawn(x, seed) if b == RANDOM else of(scores.each[b][place], asked)
            found = wf.metrics.agreement(x, y, k=K, progress=False)
            of_query = [value for value in found.per_query["kendall"] if value is not None]
            rows.append({
                "method": a, "other": b, "seed": seed, "between queries": float(np.std(of_query, ddof=1)), "jaccard chance": found.jaccard.chance,
                "fagin chance": found.fagin.chance, **{name: getattr(found, name).value for name in FIGURES},
            })  # fmt: skip
    return rows


def stability(scores: Scored, one: Case) -> list[dict[str, Any]]:
    """Each method beside itself over the seeds, for a ninth of the held-out rows; random scores show chance."""
    asked = one.ids[one.held_out][::9]
    runs = {name: [of(found, asked) for found in each] for name, each in scores.each.items()}
    runs[RANDOM] = [drawn(found, seed) for seed, found in enumerate(next(iter(runs.values())))]
    rows = []
    for name, each in wf.progress.track(runs.items(), "stability", len(runs)):
        found = wf.metrics.stability(each, k=K, progress=False)
        figures = {figure: getattr(found, figure) for figure in STEADY}
        rows += [
            {"method": name, "figure": figure, "value": it.value, "low": it.low, "high": it.high, "runs": len(each)} for figure, it in figures.items()
        ]
    return rows


def named(scores: Scored, one: Case) -> list[dict[str, Any]]:
    """Rows that influence and TracIn both have among their top 50 for all held-out rows at once, with the share of seeds in which they do."""
    said, rows = dict(zip(one.ids.tolist(), one.said, strict=True)), []
    for layers in layered(scores):
        both = [
            set(a.top(K).ids[0].tolist()) & set(b.top(K).ids[0].tolist())
            for a, b in zip(scores.whole[f"influence, {layers}"], scores.whole[f"TracIn, {layers}"], strict=True)
        ]
        counted = Counter(key for each in both for key in each)
        common = float(np.mean([len(each) for each in both]))
        ordered = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))[:K]
        rows += [{"layers": layers, "id": str(key), "seeds": n / len(both), "in common": common, "row": said[key]} for key, n in ordered]
    return rows


def overlaps(scores: Scored, one: Case, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The share of the top k that influence and TracIn have in common, for every seed and k, for a third of the held-out rows."""
    asked, rows = one.ids[one.held_out][::3], []
    for layers in layered(scores):
        for place, seed in enumerate(seeds):
            a, b = (of(scores.each[f"{method}, {layers}"][place], asked) for method in ("influence", "TracIn"))
            n = len(a.train_ids)
            for k in grid(n - 1):
                found = wf.metrics.overlap(a, b, k=int(k))
                rows.append({"layers": layers, "seed": seed, "k": int(k), "overlap": found.value, "chance": found.chance})
    return rows


def ranks(scores: Scored) -> list[dict[str, Any]]:
    """Where influence and TracIn put each training row, asked about all held-out rows of the first seed's network at once."""
    rows = []
    for layers in layered(scores):
        a, b = (scores.whole[f"{method}, {layers}"][0] for method in ("influence", "TracIn"))
        x, y = ((-each.values[0]).argsort(stable=True).argsort() + 1 for each in (a, b))
        rows += [{"layers": layers, "id": str(key), "influence": int(i), "TracIn": int(j)} for key, i, j in zip(a.train_ids, x, y, strict=True)]
    return rows


def layered(scores: Scored) -> list[str]:
    """Last layer and, where there are more, all layers."""
    return [layers for layers in ("last layer", "all layers") if f"TracIn, {layers}" in scores.whole]


def of(scores: wf.Scores, queries: np.ndarray) -> wf.Scores:
    """The scores of some queries."""
    places = np.isin(scores.query_ids, queries)
    return wf.Scores(scores.values[torch.from_numpy(places)], scores.query_ids[places], scores.train_ids, scores.unit, scores.method)


def drawn(like: wf.Scores, seed: int) -> wf.Scores:
    """Scores at random in place of these."""
    values = np.random.default_rng([seed, 1]).normal(size=tuple(like.values.shape))
    return wf.Scores(like.values.new_tensor(values), like.query_ids, like.train_ids, "arbitrary", RANDOM)
