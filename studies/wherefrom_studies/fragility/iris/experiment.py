"""Iris networks (Basu, Pope & Feizi 2021): influence against retraining for the flowers of highest loss, in float64 and converged."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.study import Study

QUERY = 83  # the versicolor that every network takes for a virginica: the published protocol's test point
LEFT_OUT = 25  # a sixth of the training rows, those of highest loss
TOLERANCE = 1e-9
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "silu": nn.SiLU, "selu": nn.SELU}
FORMS = ALL, LEVERAGE, LAST = "all layers", "all layers, with leverage", "last layer"
DECAY = 0.005
SEEDS = 20
FEWER = {("silu", 0.0): 5, ("selu", DECAY): 3}  # seeds of what no bar rests on


@dataclass(frozen=True)
class Network:
    """``depth`` hidden layers of ``width`` units, trained with l2 = ``decay`` (l2/2 ‖θ‖² beside the mean loss)."""

    depth: int
    width: int
    activation: str
    decay: float

    def build(self) -> nn.Module:
        """The network in float64."""
        sizes, layers = [4] + [self.width] * self.depth, []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), ACTIVATIONS[self.activation]()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], 3)).double().eval()


def flowers() -> tuple[torch.Tensor, torch.Tensor]:
    """Four standardised measures of 150 flowers, and their species."""
    table = wf.datasets.bundled("iris")
    assert isinstance(table, wf.datasets.Table)
    X = wf.datasets.fit_encoder(table, np.arange(len(table.ids))).transform(table.frame)
    return X, wf.datasets.encode_target(table, table.frame)


def retrain_networks(study: Study) -> pd.DataFrame:
    """Return, for each network, seed and form of influence: Spearman, Pearson, slope and sign agreement over the rows left out."""
    networks, parts = grid_of(study), []
    for network in wf.progress.track(networks, "Iris networks", len(networks)):
        for seed in study.count(seeds_of(network), 3):
            parts.append(study.cache.rows("iris", {**asdict(network), "seed": seed}, lambda network=network, seed=seed: retrain_seed(network, seed)))
    return pd.concat(parts, ignore_index=True)


def grid_of(study: Study) -> list[Network]:
    """Return the networks of a form."""
    return study.either(full_grid(), quick_grid())


def full_grid() -> list[Network]:
    """Depth by activation by weight decay at width 5, and width at depth 1."""
    depths = [
        Network(depth, 5, activation, decay) for activation in ("tanh", "silu", "selu") for decay in (DECAY, 0.0005, 0.0) for depth in (1, 2, 4, 8)
    ]
    return depths + [Network(1, width, "tanh", decay) for decay in (DECAY, 0.0) for width in (8, 20, 50)]


def seeds_of(network: Network) -> int:
    """How many seeds the full form has of a network."""
    return FEWER.get((network.activation, network.decay), SEEDS)


def quick_grid() -> list[Network]:
    """Two depths with and without weight decay."""
    return [Network(depth, 5, "tanh", decay) for decay in (DECAY, 0.0) for depth in (1, 4)]


def retrain_seed(network: Network, seed: int) -> list[dict[str, Any]]:
    """Train, score, retrain, compare; a seed whose training does not come to a minimum is a row without figures that says why."""
    facts = {**asdict(network), "seed": seed}
    X, y = flowers()
    train = np.setdiff1d(np.arange(len(X)), [QUERY])
    problem = wf.Problem.of(network.build(), wf.cross_entropy(l2=network.decay), (X[train], y[train]), ids=train)
    query = (X[[QUERY]], y[[QUERY]])
    try:
        problem, trainer = _minimised(problem, network, seed)
        scores = _score(problem, network, query)
        truth = wf.leave_one_out(problem, _hardest(problem), query, trainer, progress=False)
    except wf.UsageError as error:
        return [{**facts, "form": form, "loss": None, **_nothing(str(error))} for form in FORMS]
    loss = float(_losses(problem).mean())
    return [{**facts, "form": form, "loss": loss, **_figures(wf.loo_correlation(found, truth))} for form, found in scores.items()]


def _minimised(problem: wf.Problem, network: Network, seed: int) -> tuple[wf.Problem, Any]:
    """At a minimum, and how it is trained again from there; without weight decay there is none, so Adam's steps are counted instead."""
    everything = len(problem)
    first = wf.train.adam(2000 if network.decay == 0 else 300, 1e-2, batch_size=everything)(problem, seed)
    problem = problem.at(first.parameters)
    if network.decay == 0:
        return problem, wf.train.adam(500, 1e-3, batch_size=everything, start=wf.train.present)
    newton = wf.train.newton(TOLERANCE)
    return problem.at(newton(problem, seed).parameters), newton


def _score(problem: wf.Problem, network: Network, query: Any) -> dict[str, wf.Scores]:
    """Influence by the exact Hessian with weight decay in it; without weight decay by the damped Gauss-Newton matrix, as nothing is definite then."""
    ihvp = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0) if network.decay else wf.IHVP(wf.GaussNewton(), wf.Exact())
    last = problem.restricted(f"{2 * network.depth}.*")
    fitted = ihvp.fit(problem)
    return {
        ALL: wf.attribute(wf.InfluenceFunction(fitted), problem, query, progress=False),
        LEVERAGE: wf.attribute(wf.InfluenceFunction(fitted, leverage=True), problem, query, progress=False),
        LAST: wf.attribute(wf.InfluenceFunction(ihvp), last, query, progress=False),
    }


def _losses(problem: wf.Problem) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([problem.losses(problem.outputs(batch.inputs), batch) for batch in problem.batches()])


def _hardest(problem: wf.Problem) -> np.ndarray:
    return problem.ids[_losses(problem).argsort(descending=True, stable=True)[:LEFT_OUT].numpy()]


def _figures(found: wf.metrics.LooCorrelation) -> dict[str, Any]:
    why = found.spearman.reason if found.spearman.value is None else ""
    return {"spearman": found.spearman.value, "pearson": found.pearson.value, "slope": found.slope.value, "sign": found.sign.value, "why not": why}


def _nothing(why: str) -> dict[str, Any]:
    return {"spearman": None, "pearson": None, "slope": None, "sign": None, "why not": why}
