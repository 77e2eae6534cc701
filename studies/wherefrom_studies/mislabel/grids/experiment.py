"""Who speaks for and against: of the surest wrong predictions by EK-FAC, and of held-out images by every method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.mislabel.flips import draws_of
from wherefrom_studies.mislabel.networks import L2, TrainedNetwork, train_network
from wherefrom_studies.mislabel.rankings import DIMENSION, EKFAC, expected_warnings, influence
from wherefrom_studies.study import Study

EXPLAINED, SPEAKERS = 3, 5  # wrong predictions, and training images for and against each
SHOWN = 3  # training images for and against a held-out image by each method
METHODS: dict[str, Callable[[TrainedNetwork], wf.methods.Method]] = {
    EKFAC: lambda net: influence(wf.EKFAC(), wf.Eigen()),
    "theta-RelatIF": lambda net: wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen())),
    "l-RelatIF": lambda net: wf.RelatIF(wf.IHVP(wf.EKFAC(), wf.Eigen()), variant="l"),
    "TracIn": lambda net: wf.TracIn(net.states, net.rates),
    "TRAK": lambda net: wf.TRAK(dimension=DIMENSION),
    "gradient dot": lambda net: wf.GradientDot(),
    "gradient cosine": lambda net: wf.GradientCosine(),
    "representers, L2": lambda net: wf.methods.RepresenterL2(L2, targets="labels"),
    "representers, LJE": lambda net: wf.methods.RepresenterLJE(),
}
KNN, LAST = "KNN-Shapley", "influence, last layer"


@dataclass(frozen=True, eq=False)
class Explanation:
    """The places of wrong predictions among the held-out images, the labels given to them, and the training images that speak for those labels."""

    places: np.ndarray
    given: torch.Tensor
    top: wf.TopScores


@dataclass(frozen=True, eq=False)
class ExplainedNetwork:
    """A network, its surest wrong predictions explained, and what every method says of each of its first held-out images."""

    net: TrainedNetwork
    wrong: Explanation
    tops: list[Mapping[str, wf.TopScores]]


def explain_networks(study: Study) -> list[ExplainedNetwork]:
    """Return the first network of each set with its explanations."""
    networks = [train_network(draw(0), 0) for draw in draws_of(study).values()]
    images = study.either(3, 1)
    return [ExplainedNetwork(net, explain_wrong(net), [explain_by_methods(net, place) for place in range(images)]) for net in networks]


def wrong_places(net: TrainedNetwork, count: int) -> np.ndarray:
    """Return the places of held-out images that the network gets wrong, the surest first."""
    with torch.no_grad():
        sure, given = net.problem.outputs(net.data.X_true).softmax(1).max(1)
    errors = (given != net.data.y_true).nonzero()[:, 0]
    return errors[sure[errors].argsort(descending=True, stable=True)[:count]].numpy()


def explain_wrong(net: TrainedNetwork, count: int = EXPLAINED) -> Explanation:
    """Explain wrong predictions by EK-FAC: influence on the loss of the label that the network gives."""
    places = wrong_places(net, count)
    with torch.no_grad():
        given = net.problem.outputs(net.data.X_true[places]).argmax(1)
    return Explanation(places, given, wf.attribute(METHODS[EKFAC](net), net.problem, (net.data.X_true[places], given), top=SPEAKERS, progress=False))


def explain_by_methods(net: TrainedNetwork, place: int) -> dict[str, wf.TopScores]:
    """Return every method's three proponents and three opponents of one held-out image."""
    query = (net.data.X_true[[place]], net.data.y_true[[place]])
    with expected_warnings():
        tops = {name: wf.attribute(method(net), net.problem, query, top=SHOWN, progress=False) for name, method in METHODS.items()}
    tops[LAST] = wf.attribute(influence(wf.GaussNewton(), wf.Exact()), net.last, query, top=SHOWN, progress=False)
    of_training, of_held_out = net.last_features()
    worth = wf.knn_shapley(net.problem, query, features=(of_training, of_held_out[[place]]), progress=False)
    tops[KNN] = worth.top(SHOWN)
    return tops
