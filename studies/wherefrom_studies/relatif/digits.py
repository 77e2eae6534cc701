"""Softmax regression on MNIST by SGD, without weight decay and with, and with a twentieth of the labels flipped.

Without weight decay the curvature is singular: pixels that are black in every image, and the ten outputs' common shift. Its inverse is taken with the
damping that the library chooses without retraining; with weight decay none is added. Training images are the same for every seed, which sets the
start, the order of batches, the queries and the flips.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom_studies.relatif.lists import DIVINE, METHODS, TOP, Lists, Marks, chances, cost, described, diverse, listed, outlying
from wherefrom_studies.study import Study

DECAY = 1e-3
PLAIN, DECAYED, FLIPPED = "without weight decay", "with weight decay", "with 5 % of the labels flipped"
CELLS = {PLAIN: (0.0, 0.0), DECAYED: (DECAY, 0.0), FLIPPED: (DECAY, 0.05)}
EPOCHS, RATE, BATCH = 20, 0.5, 64
ASKED = (3, 8)  # the digits of which one each is shown
NULL = 1e-10  # of the largest eigenvalue


@dataclass(frozen=True)
class Size:
    """Training images, queries, and how many of these DIVINE and EK-FAC are asked about."""

    images: int = 3000
    queries: int = 1000
    fewer: int = 20
    pool: int = 2
    grown: tuple[int, ...] = (1000, 3000, 10_000)  # images of what is counted by their number


SMALL = Size(300, 60, 8, 4, (150, 300))


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model; its queries are asked about the label it gives them, the first two being a 3 and an 8."""

    problem: wf.Problem
    queries: wf.Examples
    X: torch.Tensor
    asked: torch.Tensor
    marks: Marks
    accuracy: float

    @property
    def ihvp(self) -> wf.IHVP:
        """Exact; damped only where the curvature is singular."""
        return wf.IHVP(wf.GaussNewton(), wf.Exact(), 0.0 if float(self.problem.l2.max()) > 0 else None)


def trained(cell: str, seed: int, size: Size) -> Trained:
    """By SGD for twenty epochs."""
    decay, share = CELLS[cell]
    train, test, random = wf.datasets.mnist("train", limit=size.images), wf.datasets.mnist("test"), np.random.default_rng(seed)
    X, y = _small(train.X, size), train.y.clone()
    flipped = np.zeros(len(y), bool)
    flipped[random.choice(len(y), round(share * len(y)), replace=False)] = True
    y[flipped] = (y[flipped] + torch.from_numpy(random.integers(1, 10, int(flipped.sum())))) % 10
    model = torch.nn.Linear(X.shape[1], 10, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(l2=decay), (X, y))
    problem = problem.at(trainer()(problem, seed).parameters)
    shown = [int((test.y == digit).nonzero()[0]) for digit in ASKED]
    others = np.setdiff1d(np.arange(len(test.y)), shown)
    places = np.concatenate([shown, np.sort(random.choice(others, size.queries - len(shown), replace=False))])
    asked = _small(test.X[places], size)
    with torch.no_grad():
        said = problem.outputs(asked).argmax(1)
    marks = Marks(y.numpy(), said.numpy(), outlying(problem), flipped)
    return Trained(problem, wf.Examples.of((asked, said), places), X, asked, marks, float((said == test.y[places]).double().mean()))


def trainer() -> Any:
    """Of every model of this part."""
    return wf.train.sgd(EPOCHS, RATE, batch_size=BATCH)


def _small(X: torch.Tensor, size: Size) -> torch.Tensor:
    return avg_pool2d(X.view(-1, 1, 28, 28), size.pool).flatten(1).double()


def looked(cell: str, seed: int, size: Size) -> list[dict[str, Any]]:
    """A row for each method, over all queries and over the fewer that DIVINE is asked about."""
    one = trained(cell, seed, size)
    lists, fitted = listed(one.ihvp, one.problem, one.queries, seed)
    eigenvalues = torch.linalg.eigvalsh(wf.GaussNewton().fit(one.problem).dense())
    facts = {
        "cell": cell, "seed": seed, "accuracy": one.accuracy, "damping": float(fitted.damping), "parameters": one.problem.size,
        "without curvature": int((eigenvalues < NULL * eigenvalues[-1]).sum()),
    }  # fmt: skip
    divine, seconds = diverse(lists, one.X, size.fewer)
    ratio, rows = cost(lists.seconds), []
    for name, firsts in {**lists.firsts, DIVINE: divine}.items():
        for queries in {len(firsts), size.fewer}:
            chance = {f"chance, {what}": value for what, value in chances(len(one.problem), queries, one.marks).items()}
            took = {"fit": lists.seconds["fit"], "seconds": seconds if name == DIVINE else lists.seconds.get(name), "cost": ratio.get(name)}
            shown = [int(one.problem.ids[place]) for place in firsts[: len(ASKED), :3].ravel()]
            rows.append({**facts, "method": name, "queries": queries, **described(firsts[:queries], one.marks), **chance, **took, "shown": shown})
    return rows + ([{**facts, **row} for row in approximated(one, lists, size)] if cell == DECAYED else [])


def approximated(one: Trained, lists: Lists, size: Size) -> list[dict[str, Any]]:
    """EK-FAC in place of the exact inverse: how far its rankings agree with the exact ones, and its lists and times."""
    eigen, _ = listed(wf.IHVP(wf.EKFAC(), wf.Eigen(), 0.0), one.problem, one.queries, 0)
    ratio, rows = cost(eigen.seconds), []
    for name in METHODS:
        pairs = [(lists.scores[name].values[row].numpy(), eigen.scores[name].values[row].numpy()) for row in range(size.fewer)]
        agreed = float(np.mean([wf.metrics.spearman(a, b).value or 0.0 for a, b in pairs]))
        shared = [len(set(a) & set(b)) / TOP for a, b in zip(lists.firsts[name], eigen.firsts[name], strict=True)]
        rows.append({
            "method": f"{name}, EK-FAC", "queries": len(one.queries), **described(eigen.firsts[name], one.marks), "fit": eigen.seconds["fit"],
            "seconds": eigen.seconds[name], "cost": ratio.get(name), "agreement": agreed, "shared with exact": float(np.mean(shared)),
        })  # fmt: skip
    return rows


def sized(size: Size) -> dict[str, int]:
    """What a cell depends on."""
    return {"images": size.images, "queries": size.queries, "fewer": size.fewer, "pool": size.pool}


def measured(study: Study, size: Size) -> pd.DataFrame:
    """Every cell and seed."""
    cells = [(cell, seed) for cell in CELLS for seed in study.count(5, 2)]
    parts = []
    for cell, seed in wf.progress.track(cells, "softmax regressions", len(cells)):
        facts = {"cell": cell, "seed": seed, **sized(size), "rate": RATE, "epochs": EPOCHS}
        parts.append(study.cache.rows("digits", facts, lambda cell=cell, seed=seed: looked(cell, seed, size)))
    return pd.concat(parts, ignore_index=True)


def counted(seed: int, images: int, size: Size) -> list[dict[str, Any]]:
    """How many examples each method names in the first place where there are so many to name, with weight decay."""
    one = trained(DECAYED, seed, replace(size, images=images))
    lists, _ = listed(one.ihvp, one.problem, one.queries, seed)
    return [{"images": images, "seed": seed, "method": name, "distinct first": len(np.unique(firsts[:, 0])) / len(firsts)}
            for name, firsts in lists.firsts.items()]  # fmt: skip


def grown(study: Study, size: Size) -> pd.DataFrame:
    """Every number of images and seed."""
    cells = [(images, seed) for images in size.grown for seed in study.count(5, 2)]
    parts = []
    for images, seed in wf.progress.track(cells, "numbers of images", len(cells)):
        facts = {"images": images, "seed": seed, "queries": size.queries, "pool": size.pool, "rate": RATE, "epochs": EPOCHS}
        parts.append(study.cache.rows("grown", facts, lambda images=images, seed=seed: counted(seed, images, size)))
    return pd.concat(parts, ignore_index=True)
