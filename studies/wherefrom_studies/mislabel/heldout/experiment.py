"""Corrupted labels among held-out images, found by self-influence through Arnoldi: the protocol of Schioppa et al. 2022.

A CNN of two 3 x 3 convolutions (32 and 64 channels) with max pooling and a hidden layer of 256, trained on 8,000 images of MNIST's test set by five
epochs of SGD (batches of 128, rate 0.1, momentum 0.9); a fifth of the labels of the other 2,000 is corrupted. Self-influence gᵀ G⁻¹ g takes the 20
largest eigenvalues out of 100 Arnoldi iterations, whose products see 1,000 training images.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.study import Study

SHARE, RATE, MOMENTUM, BATCH = 0.2, 0.1, 0.9, 128


@dataclass(frozen=True)
class HeldoutSize:
    """How much there is of everything; images are pooled to ``28 / pool`` pixels a side."""

    train: int = 8000
    held: int = 2000
    channels: tuple[int, int] = (32, 64)
    hidden: int = 256
    epochs: int = 5
    seen: int = 1000
    iterations: int = 100
    rank: int = 20
    pool: int = 1

    def build(self) -> nn.Module:
        """Return the CNN."""
        (first, second), side = self.channels, 28 // self.pool
        below = [nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*below, nn.Flatten(), nn.Linear(second * (side // 4) ** 2, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 10)).eval()


FULL, SMALL = HeldoutSize(), HeldoutSize(300, 100, (4, 8), 16, 60, 100, 40, 20, 4)


def rank_heldout(study: Study) -> pd.DataFrame:
    """Return AUC and average precision of self-influence and the loss, a row for each seed."""
    return rank_seeds(study.count(3, 1), study.either(FULL, SMALL), study.cache)


def rank_seeds(seeds: tuple[int, ...], size: HeldoutSize, cache: Cache) -> pd.DataFrame:
    """Return the rows of these seeds, those that are kept from the cache."""
    tracked, settings = wf.progress.track(seeds, "held-out images", len(seeds)), {**vars(size), "channels": list(size.channels)}
    return pd.concat(
        [cache.rows("heldout", {**settings, "seed": seed}, lambda seed=seed: [rank_seed(size, seed)]) for seed in tracked], ignore_index=True
    )


def rank_seed(size: HeldoutSize, seed: int) -> dict[str, Any]:
    """Train on true labels, corrupt those of the held-out images, rank them."""
    images, random = wf.datasets.mnist("test", limit=size.train + size.held), np.random.default_rng(seed)
    X, order = avg_pool2d(images.X, size.pool), torch.from_numpy(random.permutation(size.train + size.held))
    train, held = order[: size.train], order[size.train :]
    problem = wf.Problem.of(size.build(), wf.cross_entropy(), (X[train], images.y[train]))
    problem = problem.at(wf.train.sgd(size.epochs, RATE, momentum=MOMENTUM, batch_size=BATCH)(problem, seed).parameters)
    corrupted = np.sort(random.choice(size.held, round(SHARE * size.held), replace=False))
    y = images.y[held].clone()
    y[corrupted] = (y[corrupted] + torch.from_numpy(random.integers(1, 10, len(corrupted)))) % 10
    with torch.no_grad():
        accuracy = float((problem.outputs(X[held]).argmax(1) == images.y[held]).double().mean())
    curvature = wf.GaussNewton().fit(problem.subset(problem.ids[: size.seen]))
    inspected = wf.Problem.of(problem.model, problem.objective, (X[held], y)).at(problem.parameters)
    ihvp = wf.IHVP(curvature, wf.Arnoldi(size.iterations, rank=size.rank), 0.0).fit(inspected)  # of true training labels, whatever is inspected
    rankings = {
        "self-influence": wf.self_influence(wf.InfluenceFunction(ihvp), inspected, progress=False),
        "loss": wf.attribute(wf.methods.LossScores(), inspected, inspected.train.take(np.arange(1)), progress=False).values[0],
    }
    detections = {
        name: wf.metrics.mislabel_detection(values.numpy(), np.isin(np.arange(size.held), corrupted), progress=False)
        for name, values in rankings.items()
    }
    return {"seed": seed, "accuracy": accuracy, **{f"{name}, AUC": each.auc.value for name, each in detections.items()},
            **{f"{name}, AP": each.average_precision.value for name, each in detections.items()}}  # fmt: skip
