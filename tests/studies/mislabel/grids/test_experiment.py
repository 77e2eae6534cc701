"""Wrong predictions are wrong, and the surest first."""

import torch

from wherefrom_studies.mislabel.grids.experiment import wrong_places
from wherefrom_studies.mislabel.networks import TrainedNetwork


def test_wrong_predictions_are_wrong_and_the_surest_first(net: TrainedNetwork) -> None:
    places = wrong_places(net, 1000)
    with torch.no_grad():
        sure, said = net.problem.outputs(net.data.X_true).softmax(1).max(1)
    assert sorted(places.tolist()) == (said != net.data.y_true).nonzero()[:, 0].tolist()
    assert (sure[places].diff() <= 0).all() and wrong_places(net, 2).tolist() == places[:2].tolist()
