"""(e) Two models that agree, told apart by their influences (Koh & Liang 2017, section 5.1): a machine with an RBF kernel and a network.

The kernel machine is linear in the rows of L, K = L Lᵀ, with φ(x) = L⁻¹ k(x): its influence is that of a linear model. Its loss is logistic; with
the original's hinge most images have no influence at all. The network's layers below the last are held, as the original holds Inception's, and
the last is trained to its minimum.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.linalg import solve_triangular
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from torch import nn

import wherefrom as wf
from wherefrom_studies.study import Study

CLASSES = ("dog", "ship")  # CIFAR-10 has no fish
NARROW = 4.0  # times the usual width of the kernel, 1 / (features * variance)
RBF, NETWORK = "RBF kernel machine", "network"


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images of two classes, labels 0 and 1."""

    X: torch.Tensor
    y: torch.Tensor
    ids: np.ndarray


def draw_pictures(data: wf.datasets.Images, each: int, seed: int) -> Pictures:
    """Return as many of each class, drawn with the seed."""
    random = np.random.default_rng(seed)
    places = [data.classes.index(name) for name in CLASSES]
    rows = np.concatenate([np.sort(random.permutation(np.flatnonzero(data.y.numpy() == place))[:each]) for place in places])
    return Pictures(data.X[rows], (data.y[rows] == places[1]).long(), data.ids[rows])


def train_machine(train: Pictures, test: Pictures) -> tuple[wf.Problem, torch.Tensor]:
    """Return the kernel machine at its minimum, and the test images as it sees them."""
    X, Z = (one.X.flatten(1).double().numpy() for one in (train, test))
    gamma = NARROW / (X.shape[1] * X.var())
    kernel = rbf_kernel(X, X, gamma)
    kernel[np.diag_indices_from(kernel)] += 1e-8
    lower = np.linalg.cholesky(kernel)
    seen = solve_triangular(lower, rbf_kernel(X, Z, gamma), lower=True).T
    return fit_rows(torch.from_numpy(lower), train, 1 / len(X)), torch.from_numpy(seen)


def train_network(train: Pictures, test: Pictures, seed: int, epochs: int) -> tuple[wf.Problem, torch.Tensor]:
    """Return the last layer of a small convolutional network at its minimum, and the test images as the layers below see them."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Linear(1024, 64), nn.ReLU()]
    below, model = nn.Sequential(*layers), nn.Sequential(*layers, nn.Linear(64, 1)).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=1e-4), (train.X, train.y))
    trained = wf.train.adam(epochs, 2e-3, batch_size=64)(problem, seed).parameters
    below.load_state_dict({name: value for name, value in trained.items() if name in dict(below.named_parameters())})
    with torch.no_grad():
        rows, seen = below(train.X).double(), below(test.X).double()
    return fit_rows(rows, train, 1e-3), seen


def measure_margin(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return how far on the right side: of images well inside, the loss has no slope to speak of."""
    return torch.where(targets.reshape(-1) > 0, outputs.reshape(-1), -outputs.reshape(-1))


def fit_rows(rows: torch.Tensor, train: Pictures, l2: float) -> wf.Problem:
    """Return logistic regression of these rows, at its minimum."""
    model = nn.Linear(rows.shape[1], 1, bias=False, dtype=torch.float64).eval()
    nn.init.zeros_(model.weight)
    objective = wf.binary_cross_entropy(l2=l2, measurement=measure_margin, lower_is_better=False)
    problem = wf.Problem.of(model, objective, (rows, train.y), ids=train.ids)
    return problem.at(wf.train.newton()(problem, 0).parameters)


def score_images(read: Callable[[str], wf.datasets.Images], seed: int, each: int, tests: int, queries: int, epochs: int) -> list[dict[str, Any]]:
    """Return, for test images that both models get right, the influence of every training image beside its distance."""
    train, test = draw_pictures(read("train"), each, seed), draw_pictures(read("test"), tests, seed)
    models = {RBF: train_machine(train, test), NETWORK: train_network(train, test, seed, epochs)}
    right = {name: ((problem.outputs(seen)[:, 0] > 0).long() == test.y).numpy() for name, (problem, seen) in models.items()}
    asked = np.flatnonzero(right[RBF] & right[NETWORK])
    asked = asked[np.linspace(0, len(asked) - 1, queries).astype(int)]
    distance = euclidean_distances(test.X[asked].flatten(1).numpy(), train.X.flatten(1).numpy())
    rows = []
    for name, (problem, seen) in models.items():
        ihvp = wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.0)
        scores = wf.attribute(wf.InfluenceFunction(ihvp), problem, (seen[asked], test.y[asked]), progress=False).values.numpy()
        for place, query in enumerate(asked):
            rows += [
                {"seed": seed, "model": name, "accuracy": float(right[name].mean()), "query": int(test.ids[query]), "train": int(key),
                 "alike": bool(label == test.y[query]), "distance": float(d), "score": float(s)}
                for key, label, d, s in zip(train.ids, train.y, distance[place], scores[place], strict=True)
            ]  # fmt: skip
    return rows


def score_models(study: Study) -> pd.DataFrame:
    """Return the scores of both models over seeds that draw the images and the network."""
    seeds = study.count(5, 2)
    asked: dict[str, Any] = {
        "each": study.either(900, 150),
        "tests": study.either(300, 100),
        "queries": study.either(50, 10),
        "epochs": study.either(12, 6),
    }
    counted, read = wf.progress.track(seeds, "two models that agree", len(seeds)), cache(wf.datasets.cifar10)
    parts = [study.cache.rows("twins", {**asked, "seed": seed}, lambda seed=seed: score_images(read, seed, **asked)) for seed in counted]
    return pd.concat(parts, ignore_index=True)
