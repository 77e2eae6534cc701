"""How influence falls with rank: the curves of the study's figures, and their shape as numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import wherefrom as wf

TRAIN, QUERIES = 200, 100  # that the original drew
EDGES = (0.1, 0.5, 0.9)
NOISE = "random"


def falls(scores: Mapping[str, list[wf.Scores]]) -> list[dict[str, Any]]:
    """Return for each method, on the drawn rows and on all: magnitude over the query's largest, share held so far, and fall for each tenfold rank.

    Medians and 10 to 90 % bands over queries and seeds at some forty ranks; ``random`` are normal scores, whose sorted magnitudes fall too.
    """
    rows = []
    for name, each in {**scores, NOISE: [gaussian(result, seed) for seed, result in enumerate(next(iter(scores.values())))]}.items():
        for points in ("drawn", "all"):
            values = np.concatenate([ordered(result, points) for result in each])
            ranks = grid(values.shape[1])
            curves = {"magnitude": values / values[:, :1], "held": values.cumsum(1) / values.sum(1, keepdims=True)}
            curves["rest"] = 1 - curves["held"]
            logs = np.log10(np.maximum(curves["magnitude"][:, ranks - 1], 1e-12))
            slopes = np.gradient(logs, np.log10(ranks), axis=1)
            for figure, table in {**{key: curve[:, ranks - 1] for key, curve in curves.items()}, "slope": slopes}.items():
                low, middle, high = np.quantile(table, EDGES, axis=0)
                rows += [
                    {"method": name, "points": points, "figure": figure, "rank": int(rank), "low": a, "value": b, "high": c}
                    for rank, a, b, c in zip(ranks, low, middle, high, strict=True)
                ]
    return rows


def shapes(scores: Mapping[str, list[wf.Scores]], seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return means over queries by method and seed: what the top ten and all beyond the top 50 hold, the rank at half the largest, the largest."""
    rows = []
    for name, each in {**scores, NOISE: [gaussian(result, seed) for seed, result in enumerate(next(iter(scores.values())))]}.items():
        for seed, result in zip(seeds, each, strict=True):
            values = ordered(result, "all")
            share, largest = values / values.sum(1, keepdims=True), values[:, :1]
            early, late = (largest[:, 0] - values[:, 9]) / 9, (values[:, 99] - values[:, 199]) / 100
            rows.append({
                "method": name, "seed": seed, "top ten": float(share[:, :10].sum(1).mean()), "beyond 50": float(share[:, 50:].sum(1).mean()),
                "half": float((values >= largest / 2).sum(1).mean()), "largest": float(np.median(largest)),
                "early over late": float(np.median(early / np.maximum(late, 1e-15))),
            })  # fmt: skip
    return rows


def ordered(scores: wf.Scores, points: str) -> np.ndarray:
    """Return magnitudes (queries, train) in falling order, of all rows or of as many at random as the original drew."""
    values = scores.values.abs().numpy()
    if points == "drawn":
        random = np.random.default_rng(0)
        asked, kept = (np.sort(random.permutation(size)[:many]) for size, many in zip(values.shape, (QUERIES, TRAIN), strict=True))
        values = values[asked][:, kept]
    return -np.sort(-values[values.max(1) > 0], axis=1)


def grid(n: int) -> np.ndarray:
    """Return ranks from 1 to n, evenly on a logarithmic axis."""
    return np.unique(np.geomspace(1, n, 40).round().astype(int))


def gaussian(like: wf.Scores, seed: int) -> wf.Scores:
    """Draw normal scores in place of these."""
    values = np.random.default_rng([seed, 2]).normal(size=tuple(like.values.shape))
    return wf.Scores(like.values.new_tensor(values), like.query_ids, like.train_ids, "arbitrary", NOISE)
