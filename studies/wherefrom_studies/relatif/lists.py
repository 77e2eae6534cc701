"""What each method names first for every query, and what these lists are like."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import wherefrom as wf

TOP = 5
NTH = ("1st", "2nd", "3rd")  # of those that are pictured
OUTLYING = 0.05  # the share of training examples, those of highest loss, that count as outliers
INFLUENCE, THETA, L, DIVINE, RANDOM = "influence", "theta-RelatIF", "l-RelatIF", "DIVINE", "random"
METHODS: dict[str, Callable[[wf.solvers.FittedIHVP], wf.methods.Method]] = {
    INFLUENCE: wf.InfluenceFunction,
    THETA: lambda ihvp: wf.RelatIF(ihvp, "theta"),
    L: lambda ihvp: wf.RelatIF(ihvp, "l"),
}


@dataclass(frozen=True, eq=False)
class MethodLists:
    """For each method the places of the first training examples of every query (q, TOP), the scores of the three methods, and seconds of one core."""

    firsts: Mapping[str, np.ndarray]
    scores: Mapping[str, wf.Scores]
    seconds: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class ExampleMarks:
    """What is known of training examples and queries: labels, and which are outliers or were given a wrong label."""

    labels: np.ndarray
    query_labels: np.ndarray
    outliers: np.ndarray
    flipped: np.ndarray


def time_work(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work gives, and the seconds of the processor."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def list_firsts(ihvp: wf.IHVP, problem: wf.Problem, queries: wf.Examples, seed: int) -> tuple[MethodLists, wf.solvers.FittedIHVP]:
    """Return the lists of influence and both forms of RelatIF by one fitted inverse beside lists drawn at random, and that inverse."""
    fitted, seconds = time_work(lambda: ihvp.fit(problem))
    times, scores, firsts = {"fit": seconds}, {}, {}
    for name, method in METHODS.items():
        scores[name], times[name] = time_work(lambda method=method: wf.attribute(method(fitted), problem, queries, progress=False))
        firsts[name] = scores[name].values.topk(TOP, dim=1).indices.numpy()
    drawn = np.random.default_rng(seed)
    firsts[RANDOM] = np.stack([drawn.choice(len(problem), TOP, replace=False) for _ in range(len(queries))])
    return MethodLists(firsts, scores, times), fitted


def choose_diverse(lists: MethodLists, features: torch.Tensor, count: int) -> tuple[np.ndarray, float]:
    """Return DIVINE's choice for the first queries (count, TOP), and its seconds beside the scores'."""

    def choose() -> np.ndarray:
        rows = lists.scores[INFLUENCE].values[:count]
        return np.stack([wf.select.divine(row, features, TOP, progress=False).ids.astype(int) for row in rows])

    return time_work(choose)


def mark_outliers(problem: wf.Problem) -> np.ndarray:
    """Return which training examples are of highest loss."""
    losses = wf.attribute(wf.methods.LossScores(), problem, problem.train.take(np.arange(1)), progress=False).values[0]
    count = round(OUTLYING * len(problem))
    return np.isin(np.arange(len(problem)), losses.argsort(descending=True, stable=True)[:count].numpy())


def describe_lists(firsts: np.ndarray, marks: ExampleMarks) -> dict[str, float]:
    """Return of q queries the share of distinct examples in the first place, what two queries' lists have in common, and what the examples are."""
    q, k = firsts.shape
    counts = np.bincount(firsts.ravel(), minlength=len(marks.labels)).astype(float)
    shared = float((counts * (counts - 1)).sum() / (q * (q - 1) * k)) if q > 1 else float("nan")
    return {
        "distinct first": len(np.unique(firsts[:, 0])) / q,
        "shared by two queries": shared,
        "of the query's class": float((marks.labels[firsts] == marks.query_labels[:q, None]).mean()),
        "outliers": float(marks.outliers[firsts].mean()),
        "flipped": float(marks.flipped[firsts].mean()),
    }


def describe_chance(n: int, q: int, marks: ExampleMarks) -> dict[str, float]:
    """Return what lists drawn at random are like, in expectation."""
    classes = np.bincount(marks.labels) / n
    return {
        "distinct first": n * (1 - (1 - 1 / n) ** q) / q,
        "shared by two queries": TOP / n,
        "of the query's class": float(classes[marks.query_labels[:q]].mean()),
        "outliers": float(marks.outliers.mean()),
        "flipped": float(marks.flipped.mean()),
    }


def cost_ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return RelatIF's time over influence's, the fit they share in both."""
    return {name: (seconds["fit"] + seconds[name]) / (seconds["fit"] + seconds[INFLUENCE]) for name in (THETA, L)}
