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
class Lists:
    """For each method the places of the first training examples of every query (q, TOP), the scores of the three methods, and seconds of one core."""

    firsts: Mapping[str, np.ndarray]
    scores: Mapping[str, wf.Scores]
    seconds: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Marks:
    """What is known of training examples and queries: labels, and which are outliers or were given a wrong label."""

    labels: np.ndarray
    query_labels: np.ndarray
    outliers: np.ndarray
    flipped: np.ndarray


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the seconds of the processor."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def listed(ihvp: wf.IHVP, problem: wf.Problem, queries: wf.Examples, seed: int) -> tuple[Lists, wf.solvers.FittedIHVP]:
    """Influence and both forms of RelatIF of one fitted inverse, and a list drawn at random."""
    fitted, seconds = timed(lambda: ihvp.fit(problem))
    times, scores, firsts = {"fit": seconds}, {}, {}
    for name, method in METHODS.items():
        scores[name], times[name] = timed(lambda method=method: wf.attribute(method(fitted), problem, queries, progress=False))
        firsts[name] = scores[name].values.topk(TOP, dim=1).indices.numpy()
    drawn = np.random.default_rng(seed)
    firsts[RANDOM] = np.stack([drawn.choice(len(problem), TOP, replace=False) for _ in range(len(queries))])
    return Lists(firsts, scores, times), fitted


def diverse(lists: Lists, features: torch.Tensor, count: int) -> tuple[np.ndarray, float]:
    """DIVINE's choice for the first queries (count, TOP), and its seconds beside the scores'."""

    def chosen() -> np.ndarray:
        rows = lists.scores[INFLUENCE].values[:count]
        return np.stack([wf.select.divine(row, features, TOP, progress=False).ids.astype(int) for row in rows])

    return timed(chosen)


def outlying(problem: wf.Problem) -> np.ndarray:
    """The training examples of highest loss."""
    losses = wf.attribute(wf.methods.LossScores(), problem, problem.train.take(np.arange(1)), progress=False).values[0]
    count = round(OUTLYING * len(problem))
    return np.isin(np.arange(len(problem)), losses.argsort(descending=True, stable=True)[:count].numpy())


def described(firsts: np.ndarray, marks: Marks) -> dict[str, float]:
    """Of the first examples of q queries: distinct ones in the first place, the share that two queries' lists have in common, and what they are."""
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


def chances(n: int, q: int, marks: Marks) -> dict[str, float]:
    """What lists drawn at random are like, in expectation."""
    classes = np.bincount(marks.labels) / n
    return {
        "distinct first": n * (1 - (1 - 1 / n) ** q) / q,
        "shared by two queries": TOP / n,
        "of the query's class": float(classes[marks.query_labels[:q]].mean()),
        "outliers": float(marks.outliers.mean()),
        "flipped": float(marks.flipped.mean()),
    }


def cost(seconds: Mapping[str, float]) -> dict[str, float]:
    """RelatIF's time over influence's, the fit they share in both."""
    return {name: (seconds["fit"] + seconds[name]) / (seconds["fit"] + seconds[INFLUENCE]) for name in (THETA, L)}
