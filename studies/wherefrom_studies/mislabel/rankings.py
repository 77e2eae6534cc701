"""Every method of the library that says how suspect a training example is, on one trained network."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.mislabel.networks import L2, TrainedNetwork

EIGENVALUES, STEPS, SEEN = 20, 50, 1000  # of Arnoldi, and the images that its products see
DIMENSION = 512  # of TRAK's projection
LOSS, RANDOM, EKFAC = "loss", "random", "influence, EK-FAC"


def self_influence(method: wf.methods.Method, problem: wf.Problem) -> torch.Tensor:
    """Return what each example has on its own loss."""
    return wf.self_influence(method, problem, progress=False)


def influence(curvature: Any, solver: Any, damping: float | None = None) -> wf.InfluenceFunction:
    """Return influence by this curvature and solver."""
    return wf.InfluenceFunction(wf.IHVP(curvature, solver, damping))


def arnoldi_influence(net: TrainedNetwork) -> torch.Tensor:
    """Return self-influence by the largest eigenvalues of the Gauss-Newton matrix of some images."""
    curvature = wf.GaussNewton().fit(net.problem.subset(net.problem.ids[:SEEN]))
    steps = min(STEPS, net.problem.size - 1)
    ihvp = wf.IHVP(curvature, wf.Arnoldi(steps, rank=min(EIGENVALUES, steps)), 0.0).fit(net.problem)
    return self_influence(wf.InfluenceFunction(ihvp), net.problem)


def negative_worth(net: TrainedNetwork) -> torch.Tensor:
    """Return KNN-Shapley of the true examples by what the last layer sees, turned round: a wrong label is of negative worth."""
    worth = wf.knn_shapley(net.problem, (net.data.X_true, net.data.y_true), features=net.last_features(), aggregate=True, progress=False)
    return -worth.values[0]


def mean_loss(net: TrainedNetwork) -> torch.Tensor:
    """Return the mean loss over the states that TracIn sees."""
    return torch.stack([queryless(wf.methods.LossScores(), net.problem.at(state)) for state in net.states]).mean(0)


def queryless(method: wf.methods.Method, problem: wf.Problem) -> torch.Tensor:
    """Return scores that are the same for every query."""
    return wf.attribute(method, problem, problem.train.take(np.arange(1)), progress=False).values[0]


RANKINGS: dict[str, Callable[[TrainedNetwork], torch.Tensor]] = {
    EKFAC: lambda net: self_influence(influence(wf.EKFAC(), wf.Eigen()), net.problem),
    "influence, K-FAC": lambda net: self_influence(influence(wf.KFAC(), wf.Eigen()), net.problem),
    "influence, Arnoldi": arnoldi_influence,
    "influence, exact, last layer": lambda net: self_influence(influence(wf.GaussNewton(), wf.Exact()), net.last),
    "influence, leverage, last layer": lambda net: self_influence(
        wf.InfluenceFunction(wf.IHVP(wf.GaussNewton(), wf.Exact()), leverage=True), net.last
    ),
    "theta-RelatIF, EK-FAC": lambda net: self_influence(wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen())), net.problem),
    "l-RelatIF, EK-FAC": lambda net: self_influence(wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen()), variant="l"), net.problem),
    "renormalised influence": lambda net: self_influence(wf.methods.RenormalisedInfluence(wf.IHVP(wf.EKFAC(), wf.Eigen())), net.problem),
    "projected influence": lambda net: self_influence(wf.ProjectedInfluence(wf.LayerProjection(16)), net.problem),
    "TracIn": lambda net: self_influence(wf.TracIn(net.states, net.rates), net.problem),
    "TracIn, last layer": lambda net: self_influence(wf.TracIn(net.states, net.rates, net.data.last_layer), net.problem),
    "TRAK": lambda net: self_influence(wf.TRAK(dimension=DIMENSION), net.problem),
    "gradient dot": lambda net: self_influence(wf.GradientDot(), net.problem),
    "representer points, L2": lambda net: self_influence(wf.methods.RepresenterL2(L2, targets="labels"), net.problem),
    "representer points, LJE": lambda net: self_influence(wf.methods.RepresenterLJE(), net.problem),
    "sample boundary": lambda net: -wf.methods.sample_boundary(net.problem, progress=False),
    "weights boundary, last layer": lambda net: -wf.methods.weights_boundary(net.last, progress=False),
    "KNN-Shapley": negative_worth,
    LOSS: lambda net: queryless(wf.methods.LossScores(), net.problem),
    "mean loss": mean_loss,
    "margin": lambda net: queryless(wf.MarginScores(), net.problem),
    RANDOM: lambda net: queryless(wf.methods.RandomScores(net.seed), net.problem),
}


@contextmanager
def expected_warnings() -> Iterator[None]:
    """Leave unsaid that a first state may not have begun to learn, and that a last layer refitted to labels goes on to a minimum of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wf.methods.CheckpointWarning)
        warnings.filterwarnings("ignore", message=".*RepresenterL2")
        yield


def suspicions(net: TrainedNetwork, name: str) -> tuple[torch.Tensor, float]:
    """Return how suspect each example is by one ranking, and the seconds of one core."""
    start = time.process_time()
    with expected_warnings():
        values = RANKINGS[name](net).double()
    finite = values[values.isfinite()]
    return values.nan_to_num(posinf=float(finite.max()), neginf=float(finite.min())), time.process_time() - start
