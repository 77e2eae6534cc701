"""(b) A network with convolutions, not convex: predicted against actual leave-one-out at a minimum (Koh & Liang 2017, section 4.2).

Two convolutions of six channels with tanh and a linear layer (1,360 parameters) on images of 14 × 14 pixels, trained in float64 by L-BFGS to a
gradient of 1e-7 and again from there without each image; the original stops Adam after 500,000 steps and retrains for 30,000.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy

import wherefrom as wf
from wherefrom_studies.minimum import settled
from wherefrom_studies.study import Study

WIDTH, LAST = 6, "5.*"
FIRST, LESS = 0.01, 0.003  # weight decays
SEEDS = {FIRST: 5, LESS: 3}  # with less a training takes longer
DAMPING = 0.01  # the original's
FORMS = EXACT, LEVERAGE, DAMPED = "exact", "exact, with leverage", f"damped by {DAMPING:g}"


@dataclass(frozen=True, eq=False)
class NetworkChanges:
    """Predicted and retrained changes, and how many images the networks were trained on."""

    rows: pd.DataFrame
    images: int


def build_network() -> nn.Module:
    """Return the network in float64."""
    below = [nn.Conv2d(1, WIDTH, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1), nn.Tanh()]
    return nn.Sequential(*below, nn.Flatten(), nn.Linear(16 * WIDTH, 10)).double().eval()


def predict_changes(seed: int, decay: float, images: int, hard: int, top: int, random: int) -> list[dict[str, Any]]:
    """Return changes predicted by each form and true ones, of the digits of highest loss among a thousand, by influential and random images.

    A seed whose training comes to no minimum is one row that says why.
    """
    data = wf.datasets.mnist("test", limit=images + 1000)
    X, y = avg_pool2d(data.X.view(-1, 1, 28, 28), 2).double(), data.y
    problem = wf.Problem.of(build_network(), wf.cross_entropy(l2=decay), (X[:images], y[:images])).initialised(seed)
    facts = {"seed": seed, "decay": decay}
    try:
        problem, matrix, trainer = settled(problem, LAST)
    except wf.UsageError as error:
        return [{**facts, "why not": str(error)}]
    with torch.no_grad():
        outputs = problem.outputs(X[images:])
        losses = cross_entropy(outputs, y[images:], reduction="none")
    facts |= {"accuracy": float((outputs.argmax(1) == y[images:]).double().mean()), "why not": ""}
    places = images + losses.argsort(descending=True, stable=True)[:hard]
    asked = wf.Examples.of((X[places], y[places]), ids=places.numpy())
    fitted = {damping: wf.IHVP(matrix, wf.Exact(), damping).fit(problem) for damping in (0.0, DAMPING)}
    methods = {EXACT: (0.0, False), LEVERAGE: (0.0, True), DAMPED: (DAMPING, False)}
    scores = {
        form: wf.attribute(wf.InfluenceFunction(fitted[damping], leverage=leverage), problem, asked, progress=False)
        for form, (damping, leverage) in methods.items()
    }
    tops = scores[EXACT].top(top, by="magnitude").ids
    drawn = np.random.default_rng(seed).choice(images, random, replace=False)
    truth = wf.leave_one_out(problem, np.union1d(tops, drawn), asked, trainer, progress=False)
    rows = []
    for place, query in enumerate(asked.ids.tolist()):
        for key in np.union1d(tops[place], drawn).tolist():
            actual = float(truth.change[place, list(truth.groups).index(str(key))])
            kind = "top" if key in tops[place] else "random"
            found = {form: float(one.select([key])[place, 0]) for form, one in scores.items()}
            rows.append({**facts, "query": query, "left out": key, "kind": kind, "actual": actual, **found})
    return rows


def decays_of(study: Study) -> tuple[float, ...]:
    """Return the weight decays of a form."""
    return study.either((FIRST, LESS), (FIRST,))


def retrain_networks(study: Study) -> NetworkChanges:
    """Return the changes of every weight decay and seed of the initialisation; raise where the first has no minimum at all."""
    settings: dict[str, Any] = study.either({"images": 1000, "hard": 5, "top": 15, "random": 20}, {"images": 200, "hard": 2, "top": 5, "random": 5})
    cells = [(decay, seed) for decay in decays_of(study) for seed in study.count(SEEDS[decay], 2)]
    parts = []
    for decay, seed in wf.progress.track(cells, "networks with convolutions", len(cells)):
        asked = {"seed": seed, "decay": decay, **settings}
        parts.append(study.cache.rows("cnn", asked, lambda asked=asked: predict_changes(**asked)))
    table = pd.concat(parts, ignore_index=True)
    if not (table.loc[table["decay"] == FIRST, "why not"] == "").any():
        raise wf.UsageError(f"No training with weight decay {FIRST:g} came to a minimum; give more --seeds. {table['why not'].iloc[0]}")
    return NetworkChanges(table, settings["images"])
