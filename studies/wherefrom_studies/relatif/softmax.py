"""Softmax regression on MNIST by SGD, without weight decay and with, and with a twentieth of the labels flipped.

Without weight decay the curvature is singular: pixels that are black in every image, and the ten outputs' common shift. Its inverse is taken with the
damping that the library chooses without retraining; with weight decay none is added. Training images are the same for every seed, which sets the
start, the order of batches, the queries and the flips.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom_studies.relatif.lists import ExampleMarks, mark_outliers
from wherefrom_studies.study import Study

DECAY = 1e-3
PLAIN, DECAYED, FLIPPED = "without weight decay", "with weight decay", "with 5 % of the labels flipped"
CELLS = {PLAIN: (0.0, 0.0), DECAYED: (DECAY, 0.0), FLIPPED: (DECAY, 0.05)}  # weight decay, and the share flipped
EPOCHS, RATE, BATCH = 20, 0.5, 64
SHOWN_DIGITS = (3, 8)  # of which one each is a query whose lists are pictured


@dataclass(frozen=True)
class SoftmaxSize:
    """Training images, queries, and how many of these DIVINE and EK-FAC are asked about; images are pooled to ``28 / pool`` pixels a side."""

    images: int = 3000
    queries: int = 1000
    fewer: int = 20
    pool: int = 2
    grown: tuple[int, ...] = (1000, 3000, 10_000)  # images of what is counted by their number

    def settings(self) -> dict[str, int]:
        """Return what a trained model and its lists depend on."""
        return {"images": self.images, "queries": self.queries, "fewer": self.fewer, "pool": self.pool}


FULL, SMALL = SoftmaxSize(), SoftmaxSize(300, 60, 8, 4, (150, 300))


def size_of(study: Study) -> SoftmaxSize:
    """Return the size of a form."""
    return study.either(FULL, SMALL)


@dataclass(frozen=True, eq=False)
class SoftmaxRun:
    """A trained model; its queries are asked about the label it gives them, the first two being a 3 and an 8."""

    problem: wf.Problem
    queries: wf.Examples
    X: torch.Tensor
    marks: ExampleMarks
    accuracy: float

    @property
    def ihvp(self) -> wf.IHVP:
        """Exact; damped only where the curvature is singular."""
        return wf.IHVP(wf.GaussNewton(), wf.Exact(), 0.0 if float(self.problem.l2.max()) > 0 else None)


def train_softmax(cell: str, seed: int, size: SoftmaxSize) -> SoftmaxRun:
    """Train by SGD for twenty epochs, and draw the queries."""
    decay, share = CELLS[cell]
    train, test, random = wf.datasets.mnist("train", limit=size.images), wf.datasets.mnist("test"), np.random.default_rng(seed)
    X, y = _pooled(train.X, size), train.y.clone()
    flipped = np.zeros(len(y), bool)
    flipped[random.choice(len(y), round(share * len(y)), replace=False)] = True
    y[flipped] = (y[flipped] + torch.from_numpy(random.integers(1, 10, int(flipped.sum())))) % 10
    model = torch.nn.Linear(X.shape[1], 10, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(l2=decay), (X, y))
    problem = problem.at(sgd_trainer()(problem, seed).parameters)
    shown = [int((test.y == digit).nonzero()[0]) for digit in SHOWN_DIGITS]
    others = np.setdiff1d(np.arange(len(test.y)), shown)
    places = np.concatenate([shown, np.sort(random.choice(others, size.queries - len(shown), replace=False))])
    inputs = _pooled(test.X[places], size)
    with torch.no_grad():
        given = problem.outputs(inputs).argmax(1)
    marks = ExampleMarks(y.numpy(), given.numpy(), mark_outliers(problem), flipped)
    accuracy = float((given == test.y[places]).double().mean())
    return SoftmaxRun(problem, wf.Examples.of((inputs, given), places), X, marks, accuracy)


def sgd_trainer() -> Any:
    """Return the trainer of every model."""
    return wf.train.sgd(EPOCHS, RATE, batch_size=BATCH)


def _pooled(X: torch.Tensor, size: SoftmaxSize) -> torch.Tensor:
    return avg_pool2d(X.view(-1, 1, 28, 28), size.pool).flatten(1).double()
