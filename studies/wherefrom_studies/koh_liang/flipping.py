"""Fours and nines of MNIST, logistic regression of their pixels, and the attack on its training images.

What the study's part (f) and ``benchmarks/attack.py`` share: the data, the classifier with its inverse, and a trainer for images that change
little.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import altair as alt
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

import wherefrom as wf
from wherefrom_studies.gallery import gallery

RADIUS, TOLERANCE, SLOW, STEPS = 0.1, 1e-9, 0.3, 40
TOP = 10  # examples whose share of influence is told


class Chord:
    """Steps θ ← θ - H⁻¹∇R with a factored H kept from before, as a few changed images hardly bend R; a new one where a step leaves too much."""

    def __init__(self, ihvp: wf.solvers.FittedIHVP) -> None:
        self.ihvp = ihvp

    def __call__(self, problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
        """Return the parameters at the minimum; Newton's method where the chord does not come there."""
        theta, before = problem.parameters, float("inf")
        for _ in range(STEPS):
            flat = _gradient(problem.at(theta))
            if (left := float(flat.norm())) <= TOLERANCE:
                return theta
            if left > SLOW * before:
                self.ihvp = self.ihvp.settings.fit(problem.at(theta))
            step = problem.unflatten(self.ihvp.inverse.solve(flat[:, None]).x[:, 0])
            theta, before = {name: value - step[name] for name, value in theta.items()}, left
        return wf.train.newton(TOLERANCE)(problem, seed).parameters


def _gradient(problem: wf.Problem) -> Tensor:
    """Return the gradient of the whole objective, regulariser included (d,)."""
    theta = {name: value.detach().requires_grad_() for name, value in problem.parameters.items()}
    total = torch.zeros((), dtype=problem.dtype, device=problem.device)
    for batch in problem.batches(size=len(problem)):
        total = total + (problem.losses(problem.outputs(batch.inputs, theta), batch) * batch.weights).sum() / problem.normaliser
    slopes = dict(zip(theta, torch.autograd.grad(total, list(theta.values())), strict=True))
    return problem.flatten(slopes) + problem.l2 * problem.flatten(problem.parameters)


@dataclass(frozen=True, eq=False)
class Digits:
    """Fours and nines: pixels (n, d), whether they are nines, ids of MNIST's files."""

    X: Tensor
    y: Tensor
    ids: np.ndarray

    @classmethod
    def read(cls, split: str, limit: int | None, pool: int = 1, seed: int | None = None) -> "Digits":
        """Return the first images, or with a seed images drawn, each of ``28 / pool`` pixels a side."""
        data = wf.datasets.mnist(split)
        kept = ((data.y == 4) | (data.y == 9)).nonzero()[:, 0]
        if seed is not None:
            kept = kept[torch.from_numpy(np.sort(np.random.default_rng(seed).choice(len(kept), limit or len(kept), replace=False)))]
        kept = kept[:limit]
        return cls(avg_pool2d(data.X[kept], pool).flatten(1).double(), (data.y[kept] == 9).double(), data.ids[kept.numpy()])


@dataclass(frozen=True, eq=False)
class DigitClassifier:
    """A problem at its minimum, its inverse, and how far each test digit is from being misclassified."""

    problem: wf.Problem
    ihvp: wf.solvers.FittedIHVP
    test: Digits
    margins: Tensor

    @classmethod
    def train(cls, train: Digits, test: Digits, l2: float) -> "DigitClassifier":
        """Return logistic regression of pixels at its minimum."""
        problem = wf.Problem.of(nn.Linear(train.X.shape[1], 1).double().eval(), wf.binary_cross_entropy(l2=l2), (train.X, train.y), ids=train.ids)
        return cls.at(problem.at(wf.train.newton(TOLERANCE)(problem, 0).parameters), test)

    @classmethod
    def at(cls, problem: wf.Problem, test: Digits) -> "DigitClassifier":
        """Return the classifier of a problem that is at its minimum already."""
        with torch.no_grad():
            margins = problem.outputs(test.X)[:, 0] * (2 * test.y - 1)
        return cls(problem, wf.IHVP().fit(problem), test, margins)

    @property
    def accuracy(self) -> float:
        """Return the share of test digits on the right side."""
        return float((self.margins > 0).double().mean())

    def closest(self, count: int) -> np.ndarray:
        """Return places of the rightly classified digits of smallest margin."""
        return self.margins.where(self.margins > 0, torch.inf).argsort(stable=True)[:count].numpy()

    def draw(self, count: int, without: np.ndarray) -> np.ndarray:
        """Return places of rightly classified digits drawn at random."""
        right = np.setdiff1d((self.margins > 0).nonzero()[:, 0].numpy(), without)
        return np.sort(np.random.default_rng(0).choice(right, count, replace=False))

    def queries(self, places: np.ndarray) -> wf.Examples:
        """Return test digits by place."""
        return wf.Examples.of((self.test.X[places], self.test.y[places]), self.test.ids[places])

    def attack(self, places: np.ndarray, count: int, *, stop: bool) -> wf.methods.Attack:
        """Return the attack with up to ``count`` images on each of these digits."""
        chord = Chord(self.ihvp)
        return wf.methods.attack(self.problem, self.queries(places), chord, self.ihvp, count=count, radius=RADIUS, stop=stop, progress=False)

    def concentration(self, places: np.ndarray) -> wf.metrics.Concentration:
        """Return the share of influence that the ten most influential images hold."""
        return wf.metrics.concentration(wf.attribute(wf.InfluenceFunction(self.ihvp), self.problem, self.queries(places), progress=False), TOP)


@dataclass(frozen=True, eq=False)
class StagedAttack:
    """The attack with a few images, and on what they did not flip the attack with more."""

    few: wf.methods.Attack
    more: wf.methods.Attack | None

    @classmethod
    def run(cls, model: DigitClassifier, places: np.ndarray, few: int, most: int) -> "StagedAttack":
        """Attack everything with ``few`` images to the end, what is left with up to ``most``."""
        found = model.attack(places, few, stop=False)
        left = places[[one.aimed.flipped_by is None for one in found.attacked]]
        return cls(found, model.attack(left, most, stop=True) if len(left) and most > few else None)

    def share(self, count: int) -> float:
        """Return the share of all queries that so many images flip."""
        rest = 0.0 if self.more is None or count <= self.few.count else self.more.flipped(count) * len(self.more.attacked)
        return self.few.flipped(count) + rest / len(self.few.attacked)


def draw_attack(model: DigitClassifier, places: np.ndarray, found: wf.methods.Attack, count: int = 4) -> alt.LayerChart:
    """Draw, for the first queries, the digit, the first image changed, what it became, and five times the difference."""
    rows, side = [], round(model.test.X[0].numel() ** 0.5)
    for place, one in list(zip(places, found.attacked, strict=True))[:count]:
        original, new = one.originals[0].view(side, side), one.inputs[0].view(side, side)
        shown = {"asked about": model.test.X[place].view(side, side), "training image": original, "changed": new}
        rows.append({**shown, "5 × difference": 0.5 + 5 * (new - original)})
    return gallery([{name: image.numpy() for name, image in row.items()} for row in rows])
