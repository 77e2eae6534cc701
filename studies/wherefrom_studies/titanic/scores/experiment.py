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
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.data import PassengerTable, passengers_of
from wherefrom_studies.titanic.models import (
    INFLUENCE,
    MAIN,
    TRACIN,
    UNDAMPED,
    K,
    NetworkSetting,
    accuracy_of,
    bytes_of,
    methods_of,
    score,
    seeds_of,
    settings_of,
    train_network,
)  # fmt: skip
from wherefrom_studies.titanic.scores.falling import falls, grid, shapes

FIGURES = ("kendall", "spearman", "jaccard", "fagin", "rbo", "kuncheva")
STEADY = ("kendall", "nogueira")
RANDOM = "random"
PAIRS = (
    (INFLUENCE, TRACIN),
    ("influence, all layers", "TracIn, all layers"),
    (UNDAMPED, TRACIN),
    ("influence, all layers, undamped", "TracIn, all layers"),
    (INFLUENCE, UNDAMPED),
    (INFLUENCE, "influence, all layers"),
    (TRACIN, "TracIn, all layers"),
    (INFLUENCE, RANDOM),
)


@dataclass(frozen=True, eq=False)
class SeedScores:
    """The scores of each method on each seed's network for all held-out rows, those for all of them at once, and what they cost."""

    each: Mapping[str, list[wf.Scores]]
    whole: Mapping[str, list[wf.Scores]]
    rows: list[dict[str, Any]]  # of each seed and method: seconds, bytes, the network's accuracy


@dataclass(frozen=True, eq=False)
class SettingTables:
    """Tables of one setting, a row for each seed where they have seeds."""

    agreement: pd.DataFrame
    stability: pd.DataFrame
    falls: pd.DataFrame
    shapes: pd.DataFrame
    named: pd.DataFrame
    overlaps: pd.DataFrame
    ranks: pd.DataFrame
    costs: pd.DataFrame


def score_settings(study: Study) -> dict[str, SettingTables]:
    """Return the tables of each setting by its name."""
    passengers, facts = passengers_of(study)
    return {setting.name: score_setting(passengers, setting, seeds_of(study), study.cache, facts) for setting in settings_of(study)}


def score_setting(
    passengers: PassengerTable, setting: NetworkSetting, seeds: tuple[int, ...], cache: Cache, facts: Mapping[str, Any]
) -> SettingTables:
    """Read what is kept; otherwise let all methods score once and serve every table."""
    settings, scores = {**facts, **setting.facts(), "seeds": list(seeds)}, functools.cache(lambda: score_seeds(passengers, setting, seeds))
    return SettingTables(
        cache.rows("agreement", settings, lambda: compare_methods(scores(), passengers, seeds)),
        cache.rows("stability", settings, lambda: compare_seeds(scores(), passengers)),
        cache.rows("falls", settings, lambda: falls(main_scores(scores()))),
        cache.rows("shapes", settings, lambda: shapes(main_scores(scores()), seeds)),
        cache.rows("named", settings, lambda: name_rows(scores(), passengers)),
        cache.rows("overlaps", settings, lambda: overlap_methods(scores(), passengers, seeds)),
        cache.rows("ranks", settings, lambda: rank_rows(scores())),
        cache.rows("costs", settings, lambda: scores().rows),
    )


def main_scores(scores: SeedScores) -> dict[str, list[wf.Scores]]:
    """Return those of the damped methods of this setting."""
    return {name: scores.each[name] for name in MAIN if name in scores.each}


def score_seeds(passengers: PassengerTable, setting: NetworkSetting, seeds: tuple[int, ...]) -> SeedScores:
    """Train one network for each seed, asked by all methods: what differs between methods is not the network."""
    methods, queries, costs = methods_of(setting), passengers.rows(passengers.held_out), []
    each: dict[str, list[wf.Scores]] = {name: [] for name in methods}
    whole: dict[str, list[wf.Scores]] = {name: [] for name in methods}
    for scorer in methods.values():
        score(train_network(passengers, setting, seeds[0]), scorer, queries)  # what a process pays once is no method's cost
    for seed in wf.progress.track(seeds, f"{setting.name}, scores", len(seeds)):
        run = train_network(passengers, setting, seed)
        for name, scorer in methods.items():
            scores, seconds = score(run, scorer, queries)
            each[name].append(scores)
            whole[name].append(score(run, scorer, queries, aggregate=True)[0])
            rows = {"accuracy": passengers.held_out, "accuracy on test": passengers.test}
            facts = {column: accuracy_of(run, passengers, positions) for column, positions in rows.items()}
            costs.append({"method": name, "seed": seed, "seconds": seconds, "bytes": bytes_of(run, name), **facts})
    return SeedScores(each, whole, costs)


def compare_methods(scores: SeedScores, passengers: PassengerTable, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Compare each pair of methods on each seed's network: figures averaged over a third of the held-out rows, and of single ones the spread of τ."""
    asked, rows = passengers.ids[passengers.held_out][::3], []
    for a, b in PAIRS:
        if a not in scores.each or (b not in scores.each and b != RANDOM):
            continue
        for place, seed in enumerate(wf.progress.track(seeds, f"{a} beside {b}", len(seeds))):
            x = select_queries(scores.each[a][place], asked)
            y = draw_scores(x, seed) if b == RANDOM else select_queries(scores.each[b][place], asked)
            result = wf.metrics.agreement(x, y, k=K, progress=False)
            of_query = [value for value in result.per_query["kendall"] if value is not None]
            rows.append({
                "method": a, "other": b, "seed": seed, "between queries": float(np.std(of_query, ddof=1)), "jaccard chance": result.jaccard.chance,
                "fagin chance": result.fagin.chance, **{name: getattr(result, name).value for name in FIGURES},
            })  # fmt: skip
    return rows


def compare_seeds(scores: SeedScores, passengers: PassengerTable) -> list[dict[str, Any]]:
    """Compare each method with itself over the seeds, for a ninth of the held-out rows; random scores show chance."""
    asked = passengers.ids[passengers.held_out][::9]
    runs = {name: [select_queries(result, asked) for result in each] for name, each in scores.each.items()}
    runs[RANDOM] = [draw_scores(result, seed) for seed, result in enumerate(next(iter(runs.values())))]
    rows = []
    for name, each in wf.progress.track(runs.items(), "stability", len(runs)):
        result = wf.metrics.stability(each, k=K, progress=False)
        figures = {figure: getattr(result, figure) for figure in STEADY}
        rows += [
            {"method": name, "figure": figure, "value": it.value, "low": it.low, "high": it.high, "runs": len(each)} for figure, it in figures.items()
        ]
    return rows


def name_rows(scores: SeedScores, passengers: PassengerTable) -> list[dict[str, Any]]:
    """Name the rows that both methods have among their top 50 for all held-out rows at once, with the share of seeds in which they do."""
    descriptions, rows = dict(zip(passengers.ids.tolist(), passengers.descriptions, strict=True)), []
    for layers in layers_of(scores):
        both = [
            set(a.top(K).ids[0].tolist()) & set(b.top(K).ids[0].tolist())
            for a, b in zip(scores.whole[f"influence, {layers}"], scores.whole[f"TracIn, {layers}"], strict=True)
        ]
        counted = Counter(key for each in both for key in each)
        common = float(np.mean([len(each) for each in both]))
        ordered = sorted(counted.items(), key=lambda item: (-item[1], str(item[0])))[:K]
        rows += [{"layers": layers, "id": str(key), "seeds": n / len(both), "in common": common, "row": descriptions[key]} for key, n in ordered]
    return rows


def overlap_methods(scores: SeedScores, passengers: PassengerTable, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the share of the top k that influence and TracIn have in common, for every seed and k, for a third of the held-out rows."""
    asked, rows = passengers.ids[passengers.held_out][::3], []
    for layers in layers_of(scores):
        for place, seed in enumerate(seeds):
            a, b = (select_queries(scores.each[f"{method}, {layers}"][place], asked) for method in ("influence", "TracIn"))
            n = len(a.train_ids)
            for k in grid(n - 1):
                result = wf.metrics.overlap(a, b, k=int(k))
                rows.append({"layers": layers, "seed": seed, "k": int(k), "overlap": result.value, "chance": result.chance})
    return rows


def rank_rows(scores: SeedScores) -> list[dict[str, Any]]:
    """Return where influence and TracIn put each training row, asked about all held-out rows of the first seed's network at once."""
    rows = []
    for layers in layers_of(scores):
        a, b = (scores.whole[f"{method}, {layers}"][0] for method in ("influence", "TracIn"))
        x, y = ((-each.values[0]).argsort(stable=True).argsort() + 1 for each in (a, b))
        rows += [{"layers": layers, "id": str(key), "influence": int(i), "TracIn": int(j)} for key, i, j in zip(a.train_ids, x, y, strict=True)]
    return rows


def layers_of(scores: SeedScores) -> list[str]:
    """Return the last layer and, where there are more, all layers."""
    return [layers for layers in ("last layer", "all layers") if f"TracIn, {layers}" in scores.whole]


def select_queries(scores: wf.Scores, queries: np.ndarray) -> wf.Scores:
    """Return the scores of some queries."""
    places = np.isin(scores.query_ids, queries)
    return wf.Scores(scores.values[torch.from_numpy(places)], scores.query_ids[places], scores.train_ids, scores.unit, scores.method)


def draw_scores(like: wf.Scores, seed: int) -> wf.Scores:
    """Draw scores at random in place of these."""
    values = np.random.default_rng([seed, 1]).normal(size=tuple(like.values.shape))
    return wf.Scores(like.values.new_tensor(values), like.query_ids, like.train_ids, "arbitrary", RANDOM)
