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
from wherefrom_studies.findings import Figure, Findings, Number, mean_of
from wherefrom_studies.panels import dots
from wherefrom_studies.study import Study

CLASSES = ("automobile", "frog")  # CIFAR-10 has neither motorcycles nor apples
DECAYS = (0.0, 1e-3)
DAMPING = 0.01
SMOOTH = 0.1
BCE, NLL, HINGE, SMOOTHED = "BCE, one output", "NLL, two outputs", "hinge", f"smooth hinge, t = {SMOOTH:g}, at the hinge's weights"
EPOCHS, RATE, BATCH = 10, 2e-3, 32
FIGURES = ("accuracy", "zero", "without gradient", "queries without gradient", "tied pairs", "agreement with BCE")


@dataclass(frozen=True, eq=False)
class Loss:
    """What is trained, on how many outputs, and by which loss influence is taken."""

    outputs: int
    trained: Callable[[float], wf.Objective]
    asked: Callable[[float], wf.Objective]


LOSSES = {
    BCE: Loss(1, *[lambda l2: wf.binary_cross_entropy(l2=l2)] * 2),
    NLL: Loss(2, *[lambda l2: wf.cross_entropy(l2=l2)] * 2),
    HINGE: Loss(1, *[lambda l2: wf.smooth_hinge(0.0, l2=l2)] * 2),
    SMOOTHED: Loss(1, lambda l2: wf.smooth_hinge(0.0, l2=l2), lambda l2: wf.smooth_hinge(SMOOTH, l2=l2)),
}


def network(outputs: int) -> nn.Module:
    """Two convolutions with ReLU and a linear layer."""
    below = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*below, nn.Flatten(), nn.Linear(256, outputs)).eval()


def images(split: str, each: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images of each class, labels 0 and 1."""
    data = wf.datasets.cifar10(split, limit=each * 12)
    places = [data.classes.index(name) for name in CLASSES]
    rows = torch.cat([(data.y == place).nonzero()[:each, 0] for place in places]).sort().values
    return data.X[rows], (data.y[rows] == places[1]).long()


def asked(seed: int, decay: float, each: int, queries: int) -> list[dict[str, Any]]:
    """A row for each loss: the share of scores that are exactly 0, of pairs of images that tie, and the agreement with BCE's ranking."""
    (X, y), (X_test, y_test) = images("train", each), images("test", max(100, queries))
    rows, first = [], np.empty(0)
    for name, loss in LOSSES.items():
        problem = wf.Problem.of(network(loss.outputs), loss.trained(decay), (X, y))
        problem = problem.at(wf.train.adam(EPOCHS, RATE, batch_size=BATCH)(problem, seed).parameters)
        with torch.no_grad():
            outputs = problem.outputs(X_test)
        said = outputs.argmax(1) if loss.outputs > 1 else (outputs[:, 0] > 0).long()
        there = wf.Problem.of(problem.model, loss.asked(decay), (X, y)).at(problem.parameters)
        places = torch.linspace(0, len(X_test) - 1, queries).long()
        ihvp = wf.IHVP(wf.EKFAC(samples=None), wf.Eigen(), DAMPING)
        scores = wf.attribute(wf.InfluenceFunction(ihvp), there, (X_test[places], y_test[places]), progress=False).values.numpy()
        first = scores if name == BCE else first
        asked_of = np.flatnonzero(np.abs(scores).sum(1) > 0)  # a query beyond the margin has no gradient, and nothing to rank
        agreed = [wf.metrics.kendall(first[row], scores[row]).value or 0.0 for row in asked_of]
        rows.append({
            "seed": seed, "decay": decay, "loss": name, "accuracy": float((said == y_test).double().mean()),
            "zero": float((scores == 0).mean()), "without gradient": float((np.abs(scores).sum(0) == 0).mean()),
            "queries without gradient": 1 - len(asked_of) / len(scores),
            "tied pairs": float(np.mean([tied(row) for row in scores])), "agreement with BCE": float(np.mean(agreed)) if agreed else float("nan"),
        })  # fmt: skip
    return rows


def tied(values: np.ndarray) -> float:
    """The share of pairs that are equal."""
    counts = np.unique(values, return_counts=True)[1].astype(float)
    return float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1)))


def measured(study: Study) -> pd.DataFrame:
    """Every weight decay and seed."""
    size = study.either({"each": 1000, "queries": 100}, {"each": 100, "queries": 20})
    cells = [(decay, seed) for decay in DECAYS for seed in study.count(5, 2)]
    parts = []
    for decay, seed in wf.progress.track(cells, "losses", len(cells)):
        facts = {"seed": seed, "decay": decay, **size}
        parts.append(study.cache.rows("losses", facts, lambda facts=facts: asked(**facts)))
    return pd.concat(parts, ignore_index=True)


def losses(study: Study) -> Findings:
    """Zeros, ties and agreement by loss and weight decay."""
    table, rows = measured(study), []
    numbers: dict[str, Number] = {}
    for (decay, loss), part in table.groupby(["decay", "loss"], sort=False):
        for what in FIGURES:
            values, name = part[part[what].notna()], f"losses/{loss}/{decay:g}/{what}"
            if len(values):
                numbers[name] = mean_of(what, values[what], values["seed"], bounds=(-1.0 if what.startswith("agreement") else 0.0, 1.0))
        it, title = numbers[f"losses/{loss}/{decay:g}/zero"].estimate, "without weight decay" if decay == 0 else f"weight decay {decay:g}"
        rows.append({"loss": loss, "series": title, "value": it.value, "low": it.low, "high": it.high})
    figure = Figure(
        dots(pd.DataFrame(rows), category="loss", x_title="share of influences that are exactly 0", domain=[0.0, 1.0]),
        f"A network of two convolutions on {CLASSES[0]}s and {CLASSES[1]}s by loss: means over seeds, 95 % intervals.",
    )
    hinge, smooth, bce, nll = (f"losses/{loss}/{DECAYS[-1]:g}" for loss in (HINGE, SMOOTHED, BCE, NLL))
    said = (
        f"Under hinge loss {{{hinge}/zero}} of the influences are exactly 0 ({{{hinge}/without gradient}} of the images and "
        f"{{{hinge}/queries without gradient}} of the queries lie beyond the margin, without gradient), so that {{{hinge}/tied pairs}} of the pairs "
        f"of images tie; under BCE {{{bce}/zero}} are, under NLL with two outputs {{{nll}/zero}}.",
        f"Among the queries that have a gradient, hinge's ranking agrees with BCE's at tau-b {{{hinge}/agreement with BCE}}, NLL's at "
        f"{{{nll}/agreement with BCE}}; a smooth hinge at the hinge's own weights leaves {{{smooth}/zero}} at 0 and agrees with BCE's at "
        f"{{{smooth}/agreement with BCE}}: zeros are what the hinge says of images beyond its margin, not a failure of influence.",
    )
    replaced = (f"Motorcycles and apples of the thesis are replaced by {CLASSES[0]}s and {CLASSES[1]}s of CIFAR-10.",)
    original = ("It takes hinge's influences of 0 for a failure of the method and reports no ties.",)
    return Findings({"losses, each seed": table}, {"losses": figure}, numbers, said, originals=original, replaced=replaced)
