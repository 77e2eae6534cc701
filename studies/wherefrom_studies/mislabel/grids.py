"""Picture grids: who spoke for and against a wrong prediction, and every method's three proponents and three opponents side by side."""

from collections.abc import Callable

import numpy as np
import torch

import wherefrom as wf
from wherefrom_studies.findings import Figure
from wherefrom_studies.mislabel.rankings import DIMENSION, L2, Network, below, expected_warnings, influence

SHOWN = 3
METHODS: dict[str, Callable[[Network], wf.methods.Method]] = {
    "influence, EK-FAC": lambda net: influence(wf.EKFAC(), wf.Eigen()),
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


def wrong(net: Network, count: int) -> np.ndarray:
    """Places of held-out images that the network gets wrong, the surest first."""
    with torch.no_grad():
        sure, said = net.problem.outputs(net.data.X_true).softmax(1).max(1)
    errs = (said != net.data.y_true).nonzero()[:, 0]
    return errs[sure[errs].argsort(descending=True, stable=True)[:count]].numpy()


def explained(net: Network, count: int = 3) -> Figure:
    """Proponents and opponents of wrong predictions by EK-FAC: of the loss of the label that the network gives."""
    places = wrong(net, count)
    with torch.no_grad():
        said = net.problem.outputs(net.data.X_true[places]).argmax(1)
    top = wf.attribute(METHODS["influence, EK-FAC"](net), net.problem, (net.data.X_true[places], said), top=5, progress=False)
    names = {
        place: f"{net.data.classes[label]} taken for {net.data.classes[given]}"
        for place, (label, given) in enumerate(zip(net.data.y_true[places].tolist(), said.tolist(), strict=True))
    }
    asked = dict(enumerate(net.data.X_true[places]))
    chart = wf.plot.examples(top, dict(enumerate(net.data.X)), asked, labels=labels(net), captions=names)
    return Figure(chart, f"{net.data.name}: what made the network say what it wrongly says, by influence with EK-FAC. * marks a flipped label.")


def beside(net: Network, place: int) -> Figure:
    """Every method's three proponents and three opponents of one held-out image."""
    query = (net.data.X_true[[place]], net.data.y_true[[place]])
    with expected_warnings():
        tops = {name: wf.attribute(method(net), net.problem, query, top=SHOWN, progress=False) for name, method in METHODS.items()}
    tops[LAST] = wf.attribute(influence(wf.GaussNewton(), wf.Exact()), net.last, query, top=SHOWN, progress=False)
    seen = below(net)
    worth = wf.knn_shapley(net.problem, query, features=(seen[0], seen[1][[place]]), progress=False)
    tops[KNN] = worth.top(SHOWN)
    chart = wf.plot.examples(
        stacked(tops), dict(enumerate(net.data.X)), dict.fromkeys(tops, net.data.X_true[place]), labels=labels(net), count=SHOWN,
        captions={name: name for name in tops},
    )  # fmt: skip
    said = net.data.classes[int(net.data.y_true[place])]
    return Figure(chart, f"{net.data.name}: three opponents and three proponents of a held-out {said} by each method. * marks a flipped label.")


def stacked(tops: dict[str, wf.TopScores]) -> wf.TopScores:
    """One query's lists by several methods as a list for each method."""

    def joined(each: list[wf.TopScores]) -> wf.TopScores:
        values, ids = torch.cat([one.values.double() for one in each]), np.concatenate([one.ids for one in each])
        return wf.TopScores(values, ids, np.array(list(tops)), "arbitrary", "several", each[0].by)

    proponents, opponents = (joined([one if end else one.opponents for one in tops.values() if one.opponents is not None]) for end in (True, False))
    return wf.TopScores(proponents.values, proponents.ids, proponents.query_ids, "arbitrary", "several", opponents=opponents)


def labels(net: Network) -> dict[int, str]:
    """What each training image is called."""
    return {
        place: net.data.classes[label][:7] + "*" * int(flipped)
        for place, (label, flipped) in enumerate(zip(net.data.y.tolist(), net.data.flipped, strict=True))
    }


def grids(net: Network, images: int) -> dict[str, Figure]:
    """All grids of one network: its surest errors, and the first held-out images."""
    found = {f"{net.data.name}, wrong predictions": explained(net)}
    return found | {f"{net.data.name}, methods, image {place}": beside(net, place) for place in range(images)}
