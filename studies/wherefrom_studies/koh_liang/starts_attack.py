"""(i) How (f) moves with the initialisation: the attack on the last layer of networks that differ in their start alone.

As in the original the layers below the last are held, and the last is trained to its minimum after every change of an image.
"""

from typing import Any

from torch import nn

import wherefrom as wf
from wherefrom_studies.koh_liang.flipping import TOLERANCE, TOP, Digits, Model

L2, EPOCHS, RATE, LAST = 0.001, 10, 2e-3, "8.*"


def network(side: int) -> nn.Module:
    """Two convolutions and a hidden layer of 32, on rows of pixels."""
    convolutions = [nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten()]
    left = ((side + 1) // 2 + 1) // 2
    return nn.Sequential(nn.Unflatten(1, (1, side, side)), *convolutions, nn.Linear(16 * left**2, 32), nn.Tanh(), nn.Linear(32, 1)).eval()


def trained(seed: int, images: int, pool: int) -> Model:
    """By Adam from this start; then the last layer alone, in float64, to its minimum."""
    train, test = Digits.of("train", images, pool), Digits.of("test", None, pool)
    whole = wf.Problem.of(network(28 // pool), wf.binary_cross_entropy(l2=1e-4), (train.X.float(), train.y))
    found = wf.train.adam(EPOCHS, RATE, batch_size=32)(whole, seed).parameters
    model = network(28 // pool)
    model.load_state_dict(dict(found))
    problem = wf.Problem.of(model.double().eval(), wf.binary_cross_entropy(l2=L2), (train.X, train.y), ids=train.ids, parameters=LAST)
    return Model.at(problem.at(wf.train.newton(TOLERANCE)(problem, 0).parameters), test)


def attacked(seed: int, images: int, pool: int, asked: int, count: int) -> list[dict[str, Any]]:
    """The test digits of smallest margin of this network: which images flip them, and how concentrated influence on them is."""
    model = trained(seed, images, pool)
    places = model.closest(asked)
    found, shares = model.attacked(places, count, stop=True), model.concentration(places).shares
    gain = found.gain(1)
    return [
        {"seed": seed, "accuracy": model.accuracy, "query": int(one.query_id), "first image": int(one.ids[0]), "margin": float(model.margins[place]),
         "flipped by": one.aimed.flipped_by, "gain": float(gain[row]), f"top {TOP} share": shares[row]}
        for row, (place, one) in enumerate(zip(places, found.attacked, strict=True))
    ]  # fmt: skip
