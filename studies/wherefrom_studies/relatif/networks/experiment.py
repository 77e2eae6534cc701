"""Networks on CIFAR-10 with ReLU and SiLU, trained by Adam and by SGD, and whom each method names there.

They are trained from scratch on images turned left to right at random, with a one-cycle rate. Influence is taken by EK-FAC. DIVINE compares pixels.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf
from wherefrom_studies.relatif.lists import (
    DIVINE,
    ExampleMarks,
    choose_diverse,
    cost_ratios,
    describe_chance,
    describe_lists,
    list_firsts,
    mark_outliers,
    time_work,
)
from wherefrom_studies.relatif.networks.architectures import EFFICIENT, NETWORKS, RESNET, SHALLOW, build_network
from wherefrom_studies.study import Study

ACTIVATIONS, OPTIMISERS = ("ReLU", "SiLU"), ("Adam", "SGD")
L2, BATCH, SHOWN = 1e-4, 25, 2
RATES = {
    (SHALLOW, "Adam"): 3e-3,
    (SHALLOW, "SGD"): 0.05,
    (EFFICIENT, "Adam"): 2e-3,
    (EFFICIENT, "SGD"): 0.02,
    (RESNET, "Adam"): 5e-4,
    (RESNET, "SGD"): 0.005,
}


@dataclass(frozen=True)
class NetworkSize:
    """Training images, queries, epochs; ``small`` networks have a stage or two."""

    images: int = 1000
    queries: int = 50
    epochs: int = 12
    small: bool = False


FULL, SMALL = NetworkSize(), NetworkSize(60, 6, 2, True)


@dataclass(frozen=True, eq=False)
class NetworkTable:
    """A row for each network, activation, optimiser and method."""

    size: NetworkSize
    lists: pd.DataFrame


def list_networks(study: Study) -> NetworkTable:
    """Return the rows of every network, activation and optimiser."""
    size, cells = study.either(FULL, SMALL), list(product(NETWORKS, ACTIVATIONS, OPTIMISERS))
    cells = study.either(cells, [cells[0], cells[5], cells[10]])
    parts = []
    for cell in wf.progress.track(cells, "networks", len(cells)):
        settings = {"cell": list(cell), **vars(size), "device": study.device, "rate": RATES[cell[0], cell[2]], "batch": BATCH}
        parts.append(study.cache.rows("networks", settings, lambda cell=cell: list_network(*cell, size, study.device)))
    return NetworkTable(size, pd.concat(parts, ignore_index=True))


def list_network(name: str, activation: str, optimiser: str, size: NetworkSize, device: str) -> list[dict[str, Any]]:
    """Train one network and return a row for each method: its lists of the first test images, and what they took."""
    X, y, X_test, y_test = standardised_images(size, device)
    torch.manual_seed(0)
    model, patterns = build_network(name, activation, size.small)
    model.to(device)
    _, training = time_work(lambda: train_in_place(model, X, y, optimiser, RATES[name, optimiser], size.epochs, 0))
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2), (X, y), parameters=patterns)
    with torch.no_grad():
        given, given_in_training = (torch.cat([model(part).argmax(1) for part in inputs.split(100)]) for inputs in (X_test, X))
    facts = {
        "network": name, "activation": activation, "optimiser": optimiser, "accuracy": float((given == y_test).double().mean()),
        "training accuracy": float((given_in_training == y).double().mean()), "parameters": sum(p.numel() for p in model.parameters()),
        "attributed": problem.size, "training seconds": training,
    }  # fmt: skip
    queries = wf.Examples.of((X_test[: size.queries], given[: size.queries]))
    lists, _ = list_firsts(wf.IHVP(wf.EKFAC(), wf.Eigen()), problem, queries, 0)
    marks = ExampleMarks(y.cpu().numpy(), given.cpu().numpy(), mark_outliers(problem), np.zeros(len(y), bool))
    divine, seconds = choose_diverse(lists, X, size.queries)
    ratios, rows = cost_ratios(lists.seconds), []
    chance = {f"chance, {figure}": value for figure, value in describe_chance(len(problem), size.queries, marks).items()}
    for method, firsts in {**lists.firsts, DIVINE: divine}.items():
        times = {"fit": lists.seconds["fit"], "seconds": seconds if method == DIVINE else lists.seconds.get(method), "cost": ratios.get(method)}
        shown = [int(place) for place in firsts[:SHOWN, :3].ravel()]
        rows.append({**facts, "method": method, **describe_lists(firsts, marks), **chance, **times, "shown": shown, "said": given[:SHOWN].tolist()})
    return rows


def train_in_place(model: nn.Module, X: Tensor, y: Tensor, optimiser: str, rate: float, epochs: int, seed: int) -> None:
    """Train, and leave the model in eval mode; a last batch that is not full is left out of its epoch."""
    steps = epochs * (len(y) // BATCH)
    stepper = torch.optim.Adam(model.parameters(), rate) if optimiser == "Adam" else torch.optim.SGD(model.parameters(), rate, 0.9, nesterov=True)
    schedule, random = torch.optim.lr_scheduler.OneCycleLR(stepper, rate, total_steps=steps), torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(y), generator=random)[: len(y) // BATCH * BATCH].split(BATCH):
            turned = (torch.rand(BATCH, generator=random) < 0.5).to(X.device)[:, None, None, None]
            stepper.zero_grad()
            cross_entropy(model(torch.where(turned, X[rows].flip(3), X[rows])), y[rows]).backward()
            stepper.step()
            schedule.step()
    model.eval()


def standardised_images(size: NetworkSize, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the first training images and a thousand test images of CIFAR-10, each channel standardised by the training images."""
    train, test = wf.datasets.cifar10("train", limit=size.images), wf.datasets.cifar10("test", limit=max(1000, size.queries))
    mean, spread = train.X.mean((0, 2, 3), keepdim=True), train.X.std((0, 2, 3), keepdim=True)
    return tuple(each.to(device) for each in ((train.X - mean) / spread, train.y, (test.X - mean) / spread, test.y))  # type: ignore[return-value]
