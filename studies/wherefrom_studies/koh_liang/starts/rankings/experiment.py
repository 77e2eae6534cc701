"""(i) How (a) and (b) move with the initialisation: softmax regression stopped early or at its minimum, and the network with convolutions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom_studies.koh_liang.cnn.experiment import LAST, build_network
from wherefrom_studies.minimum import settled
from wherefrom_studies.study import Study

L2, QUERIES = 0.01, 8
EARLY, MINIMUM, DEEP = "softmax regression, one epoch", "softmax regression, minimum", "network with convolutions"


def read_digits(images: int) -> tuple[torch.Tensor, torch.Tensor, wf.Examples]:
    """Return the first images of MNIST's test set, of 14 × 14 pixels, and the next as queries."""
    data = wf.datasets.mnist("test", limit=images + QUERIES)
    X = avg_pool2d(data.X.view(-1, 1, 28, 28), 2).double()
    return X[:images], data.y[:images], wf.Examples.of((X[images:], data.y[images:]), ids=np.arange(images, images + QUERIES))


def score_softmax(seed: int, images: int, early: bool) -> list[dict[str, Any]]:
    """Train from a random start by one epoch of SGD, or by Newton's method to the minimum, and score."""
    X, y, asked = read_digits(images)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(196, 10)).double().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2), (X, y)).initialised(seed)
    train = wf.train.sgd(1, 0.1, batch_size=32) if early else wf.train.newton(1e-10)
    problem = problem.at(train(problem, seed).parameters)
    return score_images(problem, wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.0), asked, seed)


def score_convolutions(seed: int, images: int) -> list[dict[str, Any]]:
    """Train to a minimum of its own and score; a seed that comes to none is one row without a score."""
    X, y, asked = read_digits(images)
    problem = wf.Problem.of(build_network(), wf.cross_entropy(l2=L2), (X, y)).initialised(seed)
    try:
        problem, matrix, _ = settled(problem, LAST)
    except wf.UsageError:
        return [{"seed": seed, "query": -1, "train": -1, "score": float("nan")}]
    return score_images(problem, wf.IHVP(matrix, wf.Exact(), damping=0.0), asked, seed)


def score_images(problem: wf.Problem, ihvp: wf.IHVP, asked: wf.Examples, seed: int) -> list[dict[str, Any]]:
    """Return the influence of every image on every query."""
    found = wf.attribute(wf.InfluenceFunction(ihvp), problem, asked, progress=False).values.numpy()
    return [
        {"seed": seed, "query": query, "train": train, "score": float(found[row, train])}
        for row, query in enumerate(asked.ids.tolist())
        for train in range(found.shape[1])
    ]


CELLS: dict[str, Callable[[int, int], list[dict[str, Any]]]] = {
    MINIMUM: lambda seed, images: score_softmax(seed, images, early=False),
    EARLY: lambda seed, images: score_softmax(seed, images, early=True),
    DEEP: score_convolutions,
}


def score_starts(study: Study) -> dict[str, pd.DataFrame]:
    """Return, for each cell, the scores of every start; of one that comes to no minimum a row without a score."""
    seeds, images = tuple(range(max(2, len(study.count(5, 2))))), study.either(1000, 200)  # it takes two to agree
    return {
        name: pd.concat(
            [
                study.cache.rows("starts", {"cell": name, "seed": seed, "images": images}, lambda seed=seed, work=work: work(seed, images))
                for seed in wf.progress.track(seeds, f"starts, {name}", len(seeds))
            ],
            ignore_index=True,
        )
        for name, work in CELLS.items()
    }
