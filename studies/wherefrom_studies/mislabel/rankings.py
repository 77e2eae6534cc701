"""Every method of the library that says how suspect a training example is, on one trained network."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.mislabel.sets import Labelled

EPOCHS, STATES, RATE, BATCH, L2 = 12, 4, 2e-3, 64, 1e-4
EIGENVALUES, STEPS, SEEN = 20, 50, 1000  # of Arnoldi, and the images that its products see
DIMENSION = 512  # of TRAK's projection
RANDOM = "random"


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network, the states on its way, and what it was trained on."""

    data: Labelled
    problem: wf.Problem
    states: Any
    rates: list[float]
    seed: int

    @property
    def last(self) -> wf.Problem:
        """The last layer alone."""
        return self.problem.restricted(self.data.last)


def trained(data: Labelled, seed: int) -> Network:
    """Adam for a dozen epochs, a state after every third."""
    problem = wf.Problem.of(data.network(), wf.cross_entropy(l2=L2), (data.X, data.y))
    run = wf.train.adam(EPOCHS, RATE, batch_size=BATCH, checkpoints=STATES)(problem, seed)
    return Network(data, problem.at(run.parameters), run.checkpoints, list(run.learning_rates), seed)


def own(method: wf.methods.Method, problem: wf.Problem) -> torch.Tensor:
    """Self-influence."""
    return wf.self_influence(method, problem, progress=False)


def influence(curvature: Any, solver: Any, damping: float | None = None) -> wf.InfluenceFunction:
    """Influence by this curvature and solver."""
    return wf.InfluenceFunction(wf.IHVP(curvature, solver, damping))


def arnoldi(net: Network) -> torch.Tensor:
    """The Gauss-Newton matrix of some images by its largest eigenvalues."""
    curvature = wf.GaussNewton().fit(net.problem.subset(net.problem.ids[:SEEN]))
    steps = min(STEPS, net.problem.size - 1)
    ihvp = wf.IHVP(curvature, wf.Arnoldi(steps, rank=min(EIGENVALUES, steps)), 0.0).fit(net.problem)
    return own(wf.InfluenceFunction(ihvp), net.problem)


def shapley(net: Network) -> torch.Tensor:
    """KNN-Shapley of the true examples by what the last layer sees, turned round: a wrong label is of negative worth."""
    found = wf.knn_shapley(net.problem, (net.data.X_true, net.data.y_true), features=below(net), aggregate=True, progress=False)
    return -found.values[0]


def below(net: Network) -> tuple[torch.Tensor, torch.Tensor]:
    """What the last layer sees of the training examples and of the true ones."""
    layers = net.data.network()[:-1]
    layers.load_state_dict({name: net.problem.parameters[name] for name, _ in layers.named_parameters()})
    with torch.no_grad():
        return layers(net.data.X), layers(net.data.X_true)


def mean_loss(net: Network) -> torch.Tensor:
    """The loss over the states that TracIn sees."""
    return torch.stack([alone(wf.methods.LossScores(), net.problem.at(state)) for state in net.states]).mean(0)


def alone(method: wf.methods.Method, problem: wf.Problem) -> torch.Tensor:
    """Scores that are the same for every query."""
    return wf.attribute(method, problem, problem.train.take(np.arange(1)), progress=False).values[0]


RANKINGS: dict[str, Callable[[Network], torch.Tensor]] = {
    "influence, EK-FAC": lambda net: own(influence(wf.EKFAC(), wf.Eigen()), net.problem),
    "influence, K-FAC": lambda net: own(influence(wf.KFAC(), wf.Eigen()), net.problem),
    "influence, Arnoldi": arnoldi,
    "influence, exact, last layer": lambda net: own(influence(wf.GaussNewton(), wf.Exact()), net.last),
    "influence, leverage, last layer": lambda net: own(wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact()), leverage=True), net.last),
    "theta-RelatIF, EK-FAC": lambda net: own(wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen())), net.problem),
    "l-RelatIF, EK-FAC": lambda net: own(wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen()), variant="l"), net.problem),
    "renormalised influence": lambda net: own(wf.methods.RenormalisedInfluence(wf.IHVP(wf.EKFAC(), wf.Eigen())), net.problem),
    "projected influence": lambda net: own(wf.ProjectedInfluence(wf.LayerProjection(16)), net.problem),
    "TracIn": lambda net: own(wf.TracIn(net.states, net.rates), net.problem),
    "TracIn, last layer": lambda net: own(wf.TracIn(net.states, net.rates, net.data.last), net.problem),
    "TRAK": lambda net: own(wf.TRAK(dimension=DIMENSION), net.problem),
    "gradient dot": lambda net: own(wf.GradientDot(), net.problem),
    "representer points, L2": lambda net: own(wf.methods.RepresenterL2(L2, targets="labels"), net.problem),
    "representer points, LJE": lambda net: own(wf.methods.RepresenterLJE(), net.problem),
    "sample boundary": lambda net: -wf.methods.sample_boundary(net.problem, progress=False),
    "weights boundary, last layer": lambda net: -wf.methods.weights_boundary(net.last, progress=False),
    "KNN-Shapley": shapley,
    "loss": lambda net: alone(wf.methods.LossScores(), net.problem),
    "mean loss": mean_loss,
    "margin": lambda net: alone(wf.MarginScores(), net.problem),
    RANDOM: lambda net: alone(wf.methods.RandomScores(net.seed), net.problem),
}


@contextmanager
def expected_warnings() -> Iterator[None]:
    """Left unsaid: that a first state may not have begun to learn, and that a last layer refitted to labels goes on to a minimum of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wf.methods.CheckpointWarning)
        warnings.filterwarnings("ignore", message=".*RepresenterL2")
        yield


def suspects(net: Network, name: str) -> tuple[torch.Tensor, float]:
    """How suspect each example is by one ranking, and the seconds of one core."""
    start = time.process_time()
    with expected_warnings():
        found = RANKINGS[name](net).double()
    return found.nan_to_num(posinf=float(found[found.isfinite()].max()), neginf=float(found[found.isfinite()].min())), time.process_time() - start
