"""The networks of the study, how they are trained, and the scores that each method gives on one of them."""

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.titanic.data import Case

EPOCHS, STATES = 10, 11  # checkpoints of one run, evenly over its steps
ALMOST_NONE = 1e-8  # of damping: dead units leave the matrix singular, so that without any there is no inverse
BATCHES = (32, 16, 8, 4)


@dataclass(frozen=True)
class Setting:
    """Hidden widths (none: logistic regression) and how they are trained."""

    widths: tuple[int, ...] = (32, 16)
    batch: int = 32
    optimiser: str = "adam"
    rate: float = 1e-3

    @property
    def name(self) -> str:
        """In words."""
        return f"{'MLP' if self.widths else 'logistic'}, batches of {self.batch}"

    @property
    def last(self) -> str:
        """The last layer's parameters."""
        return f"{2 * len(self.widths)}.*"

    def facts(self) -> dict[str, Any]:
        """What names a kept part."""
        return {**asdict(self), "widths": list(self.widths)}

    def trainer(self, checkpoints: int = 0) -> Any:
        """Ten epochs, batches in an order of each seed's own."""
        rule = wf.train.adam if self.optimiser == "adam" else wf.train.sgd
        return rule(EPOCHS, self.rate, batch_size=self.batch, checkpoints=checkpoints)

    def problem(self, one: Case, objective: wf.Objective | None = None) -> wf.Problem:
        """The network on the training rows."""
        sizes, layers = (one.X.shape[1], *self.widths), []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(sizes[-1], 1)).double().eval()
        return wf.Problem.of(model, objective or wf.binary_cross_entropy(), (one.X[one.train], one.y[one.train]), ids=one.ids[one.train])


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, its checkpoints with their learning rates, and its setting."""

    setting: Setting
    problem: wf.Problem
    states: Any
    rates: list[float]


Scorer = Callable[[Trained], tuple[wf.methods.Method, wf.Problem]]


def trained(one: Case, setting: Setting, seed: int) -> Trained:
    """One run."""
    problem = setting.problem(one)
    run = setting.trainer(STATES)(problem, seed)
    return Trained(setting, problem.at(run.parameters), run.checkpoints, list(run.learning_rates))


def influence(parameters: str | None, damping: float | None) -> Scorer:
    """First-order influence by the Gauss-Newton matrix of these parameters."""
    return lambda run: (
        wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=damping)),
        run.problem.restricted(run.setting.last if parameters == "last" else None),
    )


def tracin(parameters: str | None) -> Scorer:
    """TracIn over the run's own states, each with the learning rate in force there."""
    return lambda run: (wf.TracIn(run.states, run.rates, run.setting.last if parameters == "last" else None), run.problem)


METHODS: dict[str, Scorer] = {
    "influence, last layer": influence("last", None),
    "influence, all layers": influence(None, None),
    "influence, last layer, undamped": influence("last", ALMOST_NONE),
    "influence, all layers, undamped": influence(None, ALMOST_NONE),
    "TracIn, last layer": tracin("last"),
    "TracIn, all layers": tracin(None),
}
MAIN = ("influence, last layer", "TracIn, last layer", "influence, all layers", "TracIn, all layers")
PAIR = MAIN[:2]  # what the original compares


def methods_of(setting: Setting) -> dict[str, Scorer]:
    """Those that differ: a logistic regression is its last layer."""
    return METHODS if setting.widths else {name: scorer for name, scorer in METHODS.items() if "all layers" not in name}


def scored(run: Trained, scorer: Scorer, queries: Any, aggregate: bool = False) -> tuple[wf.Scores, float]:
    """Scores of the training rows, and the seconds of one core that they took with the fit."""
    start = time.process_time()
    method, problem = scorer(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wf.methods.CheckpointWarning)  # the original's eleven states begin before the loss has fallen
        found = wf.attribute(method, problem, queries, aggregate=aggregate, progress=False)
    return found, time.process_time() - start


def bytes_of(run: Trained, name: str) -> int:
    """What a method keeps beside the model: a square matrix and its factor, or the states of the run."""
    size = run.problem.restricted(run.setting.last if "last" in name else None).size
    return 2 * 8 * size**2 if name.startswith("influence") else 8 * len(run.states) * run.problem.size


def accuracy(run: Trained, one: Case, positions: Any) -> float:
    """The share of rows on the right side of 0."""
    with torch.no_grad():
        return float(((run.problem.outputs(one.X[positions])[:, 0] > 0) == (one.y[positions] > 0)).double().mean())
