"""A trained network: its states go to the end, and what the last layer sees gives its outputs."""

import torch

from wherefrom_studies.mislabel.networks import EPOCHS, STATES, TrainedNetwork


def test_what_the_last_layer_sees_gives_the_outputs(net: TrainedNetwork) -> None:
    weight, bias = (net.problem.parameters[net.data.last_layer.replace("*", part)] for part in ("weight", "bias"))
    for seen, X in zip(net.last_features(), (net.data.X, net.data.X_true), strict=True):
        torch.testing.assert_close(seen @ weight.T + bias, net.problem.outputs(X))


def test_the_states_go_from_early_to_the_end(net: TrainedNetwork) -> None:
    assert len(net.states) == len(net.rates) == STATES and EPOCHS % STATES == 0
    last = list(net.states)[-1]
    assert all(torch.equal(last[name], value) for name, value in net.problem.parameters.items())
