"""Activations of a named layer."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf
from wherefrom.methods.activations import activations


def test_named_layers_and_the_last_ones_inputs() -> None:
    p = problem("mlp").problem
    batch = reference.whole(p)
    hidden = torch.tanh(batch.inputs @ p.state["0.weight"].T + p.state["0.bias"])
    torch.testing.assert_close(activations(p, "1")(batch), hidden)
    torch.testing.assert_close(activations(p, None)(batch), hidden)


def test_they_are_those_of_the_problems_own_parameters_and_flat() -> None:
    p = problem("convolution").problem
    moved = p.at({"1.weight": p.state["1.weight"] + 1})
    batch = reference.whole(p)
    assert activations(p, "1")(batch).shape == (len(p), 3)
    assert (activations(moved, "1")(batch) - activations(p, "1")(batch)).abs().min() > 0
    assert not any(module._forward_hooks for module in p.model.modules())


def test_uses_of_a_layer_stand_side_by_side() -> None:
    p = problem("reused layer").problem
    assert activations(p, "inner")(reference.whole(p)).shape == (len(p), 8)


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="no layer 'hiden'"):
        activations(problem("mlp").problem, "hiden")
