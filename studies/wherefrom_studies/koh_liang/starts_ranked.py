"""(i) How (a) and (b) move with the initialisation: softmax regression stopped early or at its minimum, and the network with convolutions."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom_studies.koh_liang.cnn import LAST, network
from wherefrom_studies.minimum import settled

L2, QUERIES = 0.01, 8
TOP = 10  # of an overlap
EARLY, MINIMUM, DEEP = "softmax regression, one epoch", "softmax regression, minimum", "network with convolutions"


def digits(images: int) -> tuple[torch.Tensor, torch.Tensor, wf.Examples]:
    """The first images of MNIST's test set, of 14 × 14 pixels, and the next as queries."""
    data = wf.datasets.mnist("test", limit=images + QUERIES)
    X = avg_pool2d(data.X.view(-1, 1, 28, 28), 2).double()
    return X[:images], data.y[:images], wf.Examples.of((X[images:], data.y[images:]), ids=np.arange(images, images + QUERIES))


def softmax(seed: int, images: int, early: bool) -> list[dict[str, Any]]:
    """From a random start by one epoch of SGD, or by Newton's method to the minimum."""
    X, y, asked = digits(images)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(196, 10)).double().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2), (X, y)).initialised(seed)
    train = wf.train.sgd(1, 0.1, batch_size=32) if early else wf.train.newton(1e-10)
    problem = problem.at(train(problem, seed).parameters)
    return scores(problem, wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.0), asked, seed)


def convolutions(seed: int, images: int) -> list[dict[str, Any]]:
    """At a minimum of its own; a seed that comes to none is one row without a score."""
    X, y, asked = digits(images)
    problem = wf.Problem.of(network(), wf.cross_entropy(l2=L2), (X, y)).initialised(seed)
    try:
        problem, matrix, _ = settled(problem, LAST)
    except wf.UsageError:
        return [{"seed": seed, "query": -1, "train": -1, "score": float("nan")}]
    return scores(problem, wf.IHVP(matrix, wf.Exact(), damping=0.0), asked, seed)


def scores(problem: wf.Problem, ihvp: wf.IHVP, asked: wf.Examples, seed: int) -> list[dict[str, Any]]:
    """Influence of every image on every query."""
    found = wf.attribute(wf.InfluenceFunction(ihvp), problem, asked, progress=False).values.numpy()
    return [
        {"seed": seed, "query": query, "train": train, "score": float(found[row, train])}
        for row, query in enumerate(asked.ids.tolist())
        for train in range(found.shape[1])
    ]


CELLS: dict[str, Callable[[int, int], list[dict[str, Any]]]] = {
    MINIMUM: lambda seed, images: softmax(seed, images, early=False),
    EARLY: lambda seed, images: softmax(seed, images, early=True),
    DEEP: convolutions,
}


def agreeing(table: pd.DataFrame) -> pd.DataFrame:
    """For each query, means over every two starts: the rank correlation of their scores, and the share of the ten largest that both name."""
    if (starts := table.loc[table["query"] >= 0, "seed"].nunique()) < 2:
        raise wf.UsageError(f"{starts} of the starts came to a minimum and it takes two to agree; give more --seeds.")
    rows = []
    for query, part in table[table["query"] >= 0].groupby("query"):
        wide = part.pivot(index="train", columns="seed", values="score").to_numpy()
        pairs = list(combinations(range(wide.shape[1]), 2))
        ranked = [wf.metrics.spearman(wide[:, a], wide[:, b]).value or 0.0 for a, b in pairs]
        firsts = [set(np.argsort(-np.abs(wide[:, column]), kind="stable")[:TOP].tolist()) for column in range(wide.shape[1])]
        shared = [len(firsts[a] & firsts[b]) / TOP for a, b in pairs]
        rows.append({"query": query, "spearman": float(np.mean(ranked)), "shared": float(np.mean(shared)), "chance": TOP / len(wide)})
    return pd.DataFrame(rows)
