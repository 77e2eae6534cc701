"""What is inspected: images of MNIST or CIFAR-10, or a table of the user's own, a tenth of the training labels flipped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.study import Study

FLIPPED = 0.1
VALIDATION = 500
IMAGES = ("MNIST", "CIFAR-10")
Draw = Callable[[int], "FlippedData"]


@dataclass(frozen=True, eq=False)
class FlippedData:
    """Training examples of which ``flipped`` bear a wrong label, others with true labels, and what the classes are called."""

    name: str
    X: torch.Tensor
    y: torch.Tensor
    flipped: np.ndarray
    X_true: torch.Tensor
    y_true: torch.Tensor
    classes: tuple[str, ...]

    @property
    def last_layer(self) -> str:
        """The pattern of the last layer's parameters."""
        return f"{len(self.build()) - 1}.*"

    def build(self) -> nn.Sequential:
        """Return two convolutions and a hidden layer for images, two hidden layers for rows of a table."""
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


def draw_images(name: str, count: int, pool_size: int, seed: int) -> FlippedData:
    """Draw as many of the first training images, and 500 of the first test images."""
    read = wf.datasets.mnist if name == "MNIST" else wf.datasets.cifar10
    pool, test, random = read("train", limit=pool_size), read("test", limit=2_000), np.random.default_rng(seed)
    rows, held = np.sort(random.choice(len(pool.y), count, replace=False)), np.sort(random.choice(len(test.y), VALIDATION, replace=False))
    clean = FlippedData(name, pool.X[rows], pool.y[rows], np.zeros(count, bool), test.X[held], test.y[held], pool.classes)
    return flip_labels(clean, random)


def draw_rows(path: Path, target: str, seed: int) -> FlippedData:
    """Draw four fifths of a table's rows, and the rest as held-out ones."""
    table = wf.datasets.read_table(str(path), target)
    if len(table.classes) < 2:
        raise wf.UsageError(f"The target {target} is a number; this study flips labels, so give a column of classes.")
    y = wf.datasets.encode_target(table, table.frame)
    train, held = wf.datasets.split(len(y), seed=seed, stratify=y.numpy())
    if len(train) < 100:
        raise wf.UsageError(f"{len(y)} rows are too few to look for flipped labels; give a table of 125 or more.")
    X = wf.datasets.fit_encoder(table, train).transform(table.frame).float()
    clean = FlippedData(table.name, X[train], y[train].long(), np.zeros(len(train), bool), X[held], y[held].long(), table.classes)
    return flip_labels(clean, np.random.default_rng(seed))


def flip_labels(clean: FlippedData, random: np.random.Generator) -> FlippedData:
    """Turn a tenth of the labels into one of the other classes, each as likely."""
    n, classes = len(clean.y), len(clean.classes)
    chosen = np.sort(random.choice(n, round(FLIPPED * n), replace=False))
    y = clean.y.clone()
    y[chosen] = (y[chosen] + torch.from_numpy(random.integers(1, classes, len(chosen)))) % classes
    return replace(clean, y=y, flipped=np.isin(np.arange(n), chosen))


def draws_of(study: Study) -> dict[str, Draw]:
    """Return what a form inspects, by name, each drawn by its seed: both sets of images, or the user's own table."""
    if study.data is not None:
        path, target = study.data, study.target or ""
        return {path.stem: lambda seed: draw_rows(path, target, seed)}
    count, pool = image_count(study), study.either(20_000, 1000)
    return {name: lambda seed, name=name: draw_images(name, count, pool, seed) for name in IMAGES}


def image_count(study: Study) -> int:
    """Return how many images of each set a form trains on."""
    return study.either(2000, 200)
