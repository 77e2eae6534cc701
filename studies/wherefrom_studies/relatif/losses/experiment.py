"""A binary network on two classes of CIFAR-10 by loss: how much of hinge's influence is exactly zero, and how many ties that makes.

The thesis finds that hinge loss gives influence 0 almost everywhere and takes it for a failure. Of an image beyond the margin the hinge has no
gradient, so its influence is 0 by definition; and nowhere has it curvature, so that only the damping is left to divide by. A smooth hinge at the same
weights has both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.study import Study

CLASSES = ("automobile", "frog")  # CIFAR-10 has neither motorcycles nor apples
DECAYS = (0.0, 1e-3)
DAMPING = 0.01
SMOOTH = 0.1
BCE, NLL, HINGE, SMOOTHED = "BCE, one output", "NLL, two outputs", "hinge", f"smooth hinge, t = {SMOOTH:g}, at the hinge's weights"
EPOCHS, RATE, BATCH = 10, 2e-3, 32


@dataclass(frozen=True, eq=False)
class LossPair:
    """By which loss a network of so many outputs is trained, and by which its influence is taken, each a function of the weight decay."""

    outputs: int
    training: Callable[[float], wf.Objective]
    influence: Callable[[float], wf.Objective]


LOSSES = {
    BCE: LossPair(1, *[lambda l2: wf.binary_cross_entropy(l2=l2)] * 2),
    NLL: LossPair(2, *[lambda l2: wf.cross_entropy(l2=l2)] * 2),
    HINGE: LossPair(1, *[lambda l2: wf.smooth_hinge(0.0, l2=l2)] * 2),
    SMOOTHED: LossPair(1, lambda l2: wf.smooth_hinge(0.0, l2=l2), lambda l2: wf.smooth_hinge(SMOOTH, l2=l2)),
}


def compare_losses(study: Study) -> pd.DataFrame:
    """Return the rows of every weight decay and seed."""
    counts = study.either({"each": 1000, "queries": 100}, {"each": 100, "queries": 20})
    cells = [(decay, seed) for decay in DECAYS for seed in study.count(5, 2)]
    parts = []
    for decay, seed in wf.progress.track(cells, "losses", len(cells)):
        settings = {"seed": seed, "decay": decay, **counts}
        parts.append(study.cache.rows("losses", settings, lambda settings=settings: compare_seed(**settings)))
    return pd.concat(parts, ignore_index=True)


def compare_seed(seed: int, decay: float, each: int, queries: int) -> list[dict[str, Any]]:
    """Return a row for each loss: the share of scores that are exactly 0, of pairs of images that tie, and the agreement with BCE's ranking."""
    (X, y), (X_test, y_test) = two_classes("train", each), two_classes("test", max(100, queries))
    rows, by_bce = [], np.empty(0)
    for name, loss in LOSSES.items():
        problem = wf.Problem.of(build_network(loss.outputs), loss.training(decay), (X, y))
        problem = problem.at(wf.train.adam(EPOCHS, RATE, batch_size=BATCH)(problem, seed).parameters)
        with torch.no_grad():
            outputs = problem.outputs(X_test)
        predicted = outputs.argmax(1) if loss.outputs > 1 else (outputs[:, 0] > 0).long()
        at_weights = wf.Problem.of(problem.model, loss.influence(decay), (X, y)).at(problem.parameters)
        places = torch.linspace(0, len(X_test) - 1, queries).long()
        ihvp = wf.IHVP(wf.EKFAC(samples=None), wf.Eigen(), DAMPING)
        scores = wf.attribute(wf.InfluenceFunction(ihvp), at_weights, (X_test[places], y_test[places]), progress=False).values.numpy()
        by_bce = scores if name == BCE else by_bce
        rankable = np.flatnonzero(np.abs(scores).sum(1) > 0)  # a query beyond the margin has no gradient, and nothing to rank
        agreements = [wf.metrics.kendall(by_bce[row], scores[row]).value or 0.0 for row in rankable]
        rows.append({
            "seed": seed, "decay": decay, "loss": name, "accuracy": float((predicted == y_test).double().mean()),
            "zero": float((scores == 0).mean()), "without gradient": float((np.abs(scores).sum(0) == 0).mean()),
            "queries without gradient": 1 - len(rankable) / len(scores), "tied pairs": float(np.mean([tied_share(row) for row in scores])),
            "agreement with BCE": float(np.mean(agreements)) if agreements else float("nan"),
        })  # fmt: skip
    return rows


def build_network(outputs: int) -> nn.Module:
    """Return two convolutions with ReLU and a linear layer."""
    below = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*below, nn.Flatten(), nn.Linear(256, outputs)).eval()


def two_classes(split: str, each: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the first images of each class, labels 0 and 1."""
    data = wf.datasets.cifar10(split, limit=each * 12)
    places = [data.classes.index(name) for name in CLASSES]
    rows = torch.cat([(data.y == place).nonzero()[:each, 0] for place in places]).sort().values
    return data.X[rows], (data.y[rows] == places[1]).long()


def tied_share(values: np.ndarray) -> float:
    """Return the share of pairs that are equal."""
    counts = np.unique(values, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1)))
