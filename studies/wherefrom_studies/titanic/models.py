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
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.data import PassengerTable

SEEDS = 20
EPOCHS, STATES = 10, 11  # checkpoints of one run, evenly over its steps
ALMOST_NONE = 1e-8  # of damping: dead units leave the matrix singular, so that without any there is no inverse
BATCHES = (32, 16, 8, 4)
K = 50  # the original's largest k that is not all of the data


@dataclass(frozen=True)
class NetworkSetting:
    """Hidden widths (none: logistic regression) and how they are trained."""

    widths: tuple[int, ...] = (32, 16)
    batch: int = 32
    optimiser: str = "adam"
    rate: float = 1e-3

    @property
    def name(self) -> str:
        """The setting in words."""
        return f"{'MLP' if self.widths else 'logistic'}, batches of {self.batch}"

    @property
    def last(self) -> str:
        """The pattern of the last layer's parameters."""
        return f"{2 * len(self.widths)}.*"

    def facts(self) -> dict[str, Any]:
        """Return what names a kept part."""
        return {**asdict(self), "widths": list(self.widths)}

    def trainer(self, checkpoints: int = 0) -> Any:
        """Return a training of ten epochs, its batches in an order of each seed's own."""
        rule = wf.train.adam if self.optimiser == "adam" else wf.train.sgd
        return rule(EPOCHS, self.rate, batch_size=self.batch, checkpoints=checkpoints)

    def problem(self, passengers: PassengerTable, objective: wf.Objective | None = None) -> wf.Problem:
        """Return the network on the training rows."""
        sizes, layers = (passengers.X.shape[1], *self.widths), []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(sizes[-1], 1)).double().eval()
        rows = passengers.train
        return wf.Problem.of(model, objective or wf.binary_cross_entropy(), (passengers.X[rows], passengers.y[rows]), ids=passengers.ids[rows])


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network, its checkpoints with their learning rates, and its setting."""

    setting: NetworkSetting
    problem: wf.Problem
    states: Any
    rates: list[float]


Scorer = Callable[[TrainedNetwork], tuple[wf.methods.Method, wf.Problem]]


def train_network(passengers: PassengerTable, setting: NetworkSetting, seed: int) -> TrainedNetwork:
    """Train one network."""
    problem = setting.problem(passengers)
    run = setting.trainer(STATES)(problem, seed)
    return TrainedNetwork(setting, problem.at(run.parameters), run.checkpoints, list(run.learning_rates))


def influence_scorer(parameters: str | None, damping: float | None) -> Scorer:
    """Return first-order influence by the Gauss-Newton matrix of these parameters."""
    return lambda run: (
        wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=damping)),
        run.problem.restricted(run.setting.last if parameters == "last" else None),
    )


def tracin_scorer(parameters: str | None) -> Scorer:
    """Return TracIn over the run's own states, each with the learning rate in force there."""
    return lambda run: (wf.TracIn(run.states, run.rates, run.setting.last if parameters == "last" else None), run.problem)


METHODS: dict[str, Scorer] = {
    "influence, last layer": influence_scorer("last", None),
    "influence, all layers": influence_scorer(None, None),
    "influence, last layer, undamped": influence_scorer("last", ALMOST_NONE),
    "influence, all layers, undamped": influence_scorer(None, ALMOST_NONE),
    "TracIn, last layer": tracin_scorer("last"),
    "TracIn, all layers": tracin_scorer(None),
}
MAIN = ("influence, last layer", "TracIn, last layer", "influence, all layers", "TracIn, all layers")
PAIR = INFLUENCE, TRACIN = MAIN[:2]  # what the original compares
UNDAMPED = "influence, last layer, undamped"


LARGE, SMALL = NetworkSetting(batch=32).name, NetworkSetting(batch=4).name


def seeds_of(study: Study) -> tuple[int, ...]:
    """Return the seeds of every experiment."""
    return study.count(SEEDS, 3)


def networks_of(study: Study) -> list[NetworkSetting]:
    """Return the networks of a form, by batch size."""
    return [NetworkSetting(batch=batch) for batch in study.either(BATCHES, (32, 4))]


def settings_of(study: Study) -> list[NetworkSetting]:
    """Return the networks of a form and its logistic regressions."""
    return networks_of(study) + [NetworkSetting((), batch, rate=1e-2) for batch in study.either(BATCHES, (32,))]


def methods_of(setting: NetworkSetting) -> dict[str, Scorer]:
    """Return the methods that differ: a logistic regression is its last layer."""
    return METHODS if setting.widths else {name: scorer for name, scorer in METHODS.items() if "all layers" not in name}


def score(run: TrainedNetwork, scorer: Scorer, queries: Any, aggregate: bool = False) -> tuple[wf.Scores, float]:
    """Score the training rows; return also the seconds of one core that it took with the fit."""
    start = time.process_time()
    method, problem = scorer(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wf.methods.CheckpointWarning)  # the original's eleven states begin before the loss has fallen
        scores = wf.attribute(method, problem, queries, aggregate=aggregate, progress=False)
    return scores, time.process_time() - start


def bytes_of(run: TrainedNetwork, name: str) -> int:
    """Return the bytes that a method keeps beside the model: a square matrix and its factor, or the states of the run."""
    size = run.problem.restricted(run.setting.last if "last" in name else None).size
    return 2 * 8 * size**2 if name.startswith("influence") else 8 * len(run.states) * run.problem.size


def accuracy_of(run: TrainedNetwork, passengers: PassengerTable, positions: Any) -> float:
    """Return the share of rows on the right side of 0."""
    with torch.no_grad():
        return float(((run.problem.outputs(passengers.X[positions])[:, 0] > 0) == (passengers.y[positions] > 0)).double().mean())
