"""What is looked through: images of MNIST or CIFAR-10, or a table of the user's own, a tenth of the training labels flipped."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

import wherefrom as wf

FLIPPED = 0.1
VALIDATION = 500
IMAGES = ("MNIST", "CIFAR-10")


@dataclass(frozen=True, eq=False)
class Labelled:
    """Training examples of which ``flipped`` bear a wrong label, others with true labels, and what the classes are called."""

    name: str
    X: torch.Tensor
    y: torch.Tensor
    flipped: np.ndarray
    X_true: torch.Tensor
    y_true: torch.Tensor
    classes: tuple[str, ...]

    @property
    def last(self) -> str:
        """The last layer's parameters."""
        return f"{len(self.network()) - 1}.*"

    def network(self) -> nn.Sequential:
        """Two convolutions and a hidden layer for images, two hidden layers for rows of a table."""
        if self.X.dim() == 2:
            layers: list[nn.Module] = []
            for before, after in pairwise((self.X.shape[1], 32, 16)):
                layers += [nn.Linear(before, after), nn.ReLU()]
            return nn.Sequential(*layers, nn.Linear(16, len(self.classes))).eval()
        channels, side = self.X.shape[1], self.X.shape[-1] // 4
        convolutions = [
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(32 * side**2, 64), nn.ReLU(), nn.Linear(64, len(self.classes))).eval()


def images(name: str, count: int, pool_size: int, seed: int) -> Labelled:
    """As many of the first training images at random, and 500 of the first test images."""
    read = wf.datasets.mnist if name == "MNIST" else wf.datasets.cifar10
    pool, test, random = read("train", limit=pool_size), read("test", limit=2_000), np.random.default_rng(seed)
    rows, held = np.sort(random.choice(len(pool.y), count, replace=False)), np.sort(random.choice(len(test.y), VALIDATION, replace=False))
    found = Labelled(name, pool.X[rows], pool.y[rows], np.zeros(count, bool), test.X[held], test.y[held], pool.classes)
    return with_flips(found, random)


def rows(path: Path, target: str, seed: int) -> Labelled:
    """Four fifths of a table's rows, and the rest."""
    table = wf.datasets.read_table(str(path), target)
    if len(table.classes) < 2:
        raise wf.UsageError(f"The target {target} is a number; this study flips labels, so give a column of classes.")
    y = wf.datasets.encode_target(table, table.frame)
    train, held = wf.datasets.split(len(y), seed=seed, stratify=y.numpy())
    if len(train) < 100:
        raise wf.UsageError(f"{len(y)} rows are too few to look for flipped labels; give a table of 125 or more.")
    X = wf.datasets.fit_encoder(table, train).transform(table.frame).float()
    found = Labelled(table.name, X[train], y[train].long(), np.zeros(len(train), bool), X[held], y[held].long(), table.classes)
    return with_flips(found, np.random.default_rng(seed))


def with_flips(one: Labelled, random: np.random.Generator) -> Labelled:
    """A tenth of the labels become one of the other classes, each as likely."""
    n, many = len(one.y), len(one.classes)
    chosen = np.sort(random.choice(n, round(FLIPPED * n), replace=False))
    y = one.y.clone()
    y[chosen] = (y[chosen] + torch.from_numpy(random.integers(1, many, len(chosen)))) % many
    return replace(one, y=y, flipped=np.isin(np.arange(n), chosen))
