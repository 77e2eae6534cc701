"""(i) How (f) moves with the initialisation: the attack on the last layer of networks that differ in their start alone.

As in the original the layers below the last are held, and the last is trained to its minimum after every change of an image.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import nn

import wherefrom as wf
from wherefrom_studies.koh_liang.flipping import TOLERANCE, TOP, DigitClassifier, Digits
from wherefrom_studies.study import Study

L2, EPOCHS, RATE, LAST = 0.001, 10, 2e-3, "8.*"


@dataclass(frozen=True, eq=False)
class StartRuns:
    """A row for each start and digit, and how many images were changed at most."""

    rows: pd.DataFrame
    count: int


def build_network(side: int) -> nn.Module:
    """Return two convolutions and a hidden layer of 32, on rows of pixels."""
    convolutions = [nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten()]
    left = ((side + 1) // 2 + 1) // 2
    return nn.Sequential(nn.Unflatten(1, (1, side, side)), *convolutions, nn.Linear(16 * left**2, 32), nn.Tanh(), nn.Linear(32, 1)).eval()


def train_last_layer(seed: int, images: int, pool: int) -> DigitClassifier:
    """Train by Adam from this start; then the last layer alone, in float64, to its minimum."""
    train, test = Digits.read("train", images, pool), Digits.read("test", None, pool)
    whole = wf.Problem.of(build_network(28 // pool), wf.binary_cross_entropy(l2=1e-4), (train.X.float(), train.y))
    found = wf.train.adam(EPOCHS, RATE, batch_size=32)(whole, seed).parameters
    model = build_network(28 // pool)
    model.load_state_dict(dict(found))
    problem = wf.Problem.of(model.double().eval(), wf.binary_cross_entropy(l2=L2), (train.X, train.y), ids=train.ids, parameters=LAST)
    return DigitClassifier.at(problem.at(wf.train.newton(TOLERANCE)(problem, 0).parameters), test)


def attack_digits(seed: int, images: int, pool: int, asked: int, count: int) -> list[dict[str, Any]]:
    """Return, for the test digits of smallest margin of this network, which images flip them and how concentrated influence on them is."""
    model = train_last_layer(seed, images, pool)
    places = model.closest(asked)
    found, shares = model.attack(places, count, stop=True), model.concentration(places).shares
    gain = found.gain(1)
    return [
        {"seed": seed, "accuracy": model.accuracy, "query": int(one.query_id), "first image": int(one.ids[0]), "margin": float(model.margins[place]),
         "flipped by": one.aimed.flipped_by, "gain": float(gain[row]), f"top {TOP} share": shares[row]}
        for row, (place, one) in enumerate(zip(places, found.attacked, strict=True))
    ]  # fmt: skip


def size_of(study: Study) -> dict[str, int]:
    """Return the size of a form."""
    return study.either({"images": 1000, "pool": 1, "asked": 20, "count": 3}, {"images": 200, "pool": 2, "asked": 4, "count": 2})


def attack_starts(study: Study) -> StartRuns:
    """Attack from each start."""
    size, seeds = size_of(study), study.count(5, 2)
    counted = wf.progress.track(seeds, "starts, attacks", len(seeds))
    parts = [study.cache.rows("starts_attack", {**size, "seed": seed}, lambda seed=seed: attack_digits(seed, **size)) for seed in counted]
    return StartRuns(pd.concat(parts, ignore_index=True).astype({"flipped by": float}), size["count"])
