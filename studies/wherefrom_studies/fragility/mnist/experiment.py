"""MNIST networks with convolutions: influence against retraining, all layers and the last, by activation, depth, width and weight decay."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.minimum import settled, written_out
from wherefrom_studies.study import Study

IMAGES = 500
RANDOM, TOP = 12, 1  # images left out: drawn, and the most influential of each query
HARD, PLAIN = 3, 3  # queries: of highest loss among a thousand others, and the first of them
COUNTED = 100  # steps of retraining where there is no minimum to come to
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "silu": nn.SiLU, "relu": nn.ReLU}
FORMS = ALL, LEVERAGE, LAST = "all layers", "all layers, with leverage", "last layer"
FIGURES = ("spearman", "pearson", "slope", "sign")
DECAY = 0.005
LEFT_OUT = ("all", "random")


@dataclass(frozen=True)
class Convolutions:
    """``depth`` convolutions of ``width`` channels and a linear layer on 7 × 7 images, trained with l2 = ``decay``."""

    depth: int
    width: int
    activation: str
    decay: float

    def build(self) -> nn.Module:
        """The network in float64."""
        activation = ACTIVATIONS[self.activation]
        layers = [nn.Conv2d(1, self.width, 3, stride=2, padding=1), activation()]
        for _ in range(self.depth - 1):
            layers += [nn.Conv2d(self.width, self.width, 3, padding=1), activation()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * self.width, 10)).double().eval()

    @property
    def smooth(self) -> bool:
        """Whether training can come to a minimum: with weight decay, and without the kinks of ReLU, on which descent comes to rest."""
        return self.decay > 0 and self.activation != "relu"

    @property
    def last(self) -> str:
        """The pattern of the last layer's parameters."""
        return f"{2 * self.depth + 1}.*"


def digits(images: int = IMAGES) -> tuple[torch.Tensor, torch.Tensor]:
    """The first images of MNIST's test set, a quarter as wide and high, and a thousand others after them."""
    data = wf.datasets.mnist("test")
    count = images + 1000
    return nn.functional.avg_pool2d(data.X[:count].view(count, 1, 28, 28), 4).double(), data.y[:count]


def retrain_networks(study: Study) -> pd.DataFrame:
    """Return, for each network, seed, form of influence, query and choice of images left out: Spearman, Pearson, slope and sign agreement."""
    networks, parts = grid_of(study), []
    for network in wf.progress.track(networks, "MNIST networks", len(networks)):
        for seed in study.count(seeds_of(network), 2):
            parts.append(study.cache.rows("mnist", {**asdict(network), "seed": seed}, lambda network=network, seed=seed: retrain_seed(network, seed)))
    return pd.concat(parts, ignore_index=True).astype(dict.fromkeys(FIGURES, float))


def grid_of(study: Study) -> list[Convolutions]:
    """Return the networks of a form."""
    return study.either(full_grid(), quick_grid())


def full_grid() -> list[Convolutions]:
    """Depth by activation, and width and weight decay of one convolution with tanh."""
    depths = [Convolutions(depth, 4, activation, DECAY) for activation in ("tanh", "silu", "relu") for depth in (1, 2)]
    widths = [Convolutions(1, width, "tanh", DECAY) for width in (2, 8)]
    return [*depths, Convolutions(3, 4, "tanh", DECAY), *widths, *(Convolutions(1, 4, "tanh", decay) for decay in (0.05, 0.0005, 0.0))]


def seeds_of(network: Convolutions) -> int:
    """Five seeds of what comes to its minimum in seconds, three of the others."""
    return 5 if network.smooth and network.depth == 1 else 3


def quick_grid() -> list[Convolutions]:
    """One convolution, with much and with little weight decay."""
    return [Convolutions(1, 4, "tanh", decay) for decay in (DECAY, 0.0005)]


def retrain_seed(network: Convolutions, seed: int) -> list[dict[str, Any]]:
    """Train, score, retrain, compare; a seed whose training does not come to a minimum is a row without figures that says why."""
    facts = {**asdict(network), "seed": seed}
    X, y = digits()
    problem = wf.Problem.of(network.build(), wf.cross_entropy(l2=network.decay), (X[:IMAGES], y[:IMAGES]))
    try:
        problem, matrix, trainer = _minimised(problem, network, seed)
        queries, kinds = _queries(problem, X[IMAGES:], y[IMAGES:])
        scores = _score(problem, matrix, network, queries)
    except wf.UsageError as error:
        return [{**facts, **_nothing(str(error))}]
    drawn = np.random.default_rng(seed).choice(IMAGES, RANDOM, replace=False)
    ids = np.union1d(drawn, scores[ALL].top(TOP, by="magnitude").ids)
    truth = wf.leave_one_out(problem, ids, queries, trainer, progress=False)
    facts |= {"accuracy": _accuracy(problem, X[IMAGES:], y[IMAGES:]), "gradient left": max(getattr(trainer, "left", [0.0]))}
    chosen = {"all": truth, "random": _some(truth, drawn)}
    return [
        {**facts, "form": form, "left out": which, "query": kind, **_figures(wf.loo_correlation(found, outcomes, queries=[query]))}
        for form, found in scores.items()
        for which, outcomes in chosen.items()
        for query, kind in zip(queries.ids.tolist(), kinds, strict=True)
    ]


def _minimised(problem: wf.Problem, network: Convolutions, seed: int) -> tuple[wf.Problem, torch.Tensor, Any]:
    """At a minimum, the curvature there, and how it is trained again; where there is none, Adam's steps are counted, with damped Gauss-Newton."""
    if not network.smooth:
        problem = problem.at(wf.train.adam(1000, 1e-2, batch_size=IMAGES)(problem, seed).parameters)
        matrix = written_out(wf.GaussNewton(), problem, problem.restricted(network.last))
        damping = 0.1 * float(matrix.diagonal().mean())
        again = wf.train.adam(COUNTED, 1e-3, batch_size=IMAGES, start=wf.train.present)
        return problem, matrix + damping * torch.eye(len(matrix), dtype=matrix.dtype), again
    return settled(problem.initialised(seed), network.last)


def _queries(problem: wf.Problem, X: torch.Tensor, y: torch.Tensor) -> tuple[wf.Examples, list[str]]:
    """The queries: those of highest loss, and the first others."""
    with torch.no_grad():
        losses = nn.functional.cross_entropy(problem.outputs(X), y, reduction="none")
    hard = losses.argsort(descending=True, stable=True)[:HARD].tolist()
    plain = [place for place in range(len(y)) if place not in hard][:PLAIN]
    places = torch.tensor(hard + plain)
    return wf.Examples.of((X[places], y[places]), ids=IMAGES + places.numpy()), ["high loss"] * HARD + ["any"] * PLAIN


def _score(problem: wf.Problem, matrix: torch.Tensor, network: Convolutions, queries: wf.Examples) -> dict[str, wf.Scores]:
    """Influence by the curvature of all parameters, also with leverage, and by the last layer's own."""
    fitted = wf.IHVP(matrix, wf.Exact(), damping=0.0).fit(problem)
    last = problem.restricted(network.last)
    own = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0 if network.decay else None)
    return {
        ALL: wf.attribute(wf.InfluenceFunction(fitted), problem, queries, progress=False),
        LEVERAGE: wf.attribute(wf.InfluenceFunction(fitted, leverage=True), problem, queries, progress=False),
        LAST: wf.attribute(wf.InfluenceFunction(own), last, queries, progress=False),
    }


def _some(truth: wf.retraining.Outcomes, ids: Iterable[int]) -> wf.retraining.Outcomes:
    """The outcomes of leaving these ids out alone."""
    wanted = {str(key) for key in ids}
    places = [place for place, name in enumerate(truth.groups) if name in wanted]
    return replace(truth, values=truth.values[:, :, places], groups={name: group for name, group in truth.groups.items() if name in wanted})


def _accuracy(problem: wf.Problem, X: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((problem.outputs(X).argmax(1) == y).double().mean())


def _figures(found: wf.metrics.LooCorrelation) -> dict[str, Any]:
    why = found.spearman.reason if found.spearman.value is None else ""
    return {"spearman": found.spearman.value, "pearson": found.pearson.value, "slope": found.slope.value, "sign": found.sign.value, "why not": why}


def _nothing(why: str) -> dict[str, Any]:
    empty = dict.fromkeys(("accuracy", "gradient left", "query", "spearman", "pearson", "slope", "sign"))
    return {**empty, "form": ALL, "left out": LEFT_OUT[0], "why not": why}
