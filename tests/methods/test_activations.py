"""Activations of a named layer."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf
from wherefrom.methods.activations import activations, pooled_activations


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


class Steps(torch.nn.Module):
    """Two layers over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = torch.nn.Linear(2, 3), torch.nn.Linear(3, 4)

    def forward(self, x: torch.Tensor, attention_mask: torch.Tensor, decoder_input_ids: torch.Tensor | None = None) -> torch.Tensor:
        return self.decoder(torch.tanh(self.encoder(x)))


def test_means_are_over_the_tokens_that_the_mask_or_the_targets_name() -> None:
    x, mask = torch.randn(3, 4, 2), torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    targets = torch.tensor([[1, -100, -100, -100], [1, 1, -100, 1], [1, 0, 1, 1]])
    model = Steps().eval()
    for columns, layer, counted in (({}, "encoder", mask), ({}, None, mask), ({"decoder_input_ids": targets}, "encoder", mask),
                                    ({"decoder_input_ids": targets}, "decoder", targets != -100)):  # fmt: skip
        p = wf.Problem.of(model, wf.next_token(), [{"x": x, "attention_mask": mask, **columns, "labels": targets}])
        hidden = model.encoder(x) if layer == "encoder" else torch.tanh(model.encoder(x)) if layer is None else model(x, mask)
        weight = counted[:, :, None].float()
        wanted = (hidden * weight).sum(1) / weight.sum(1).clamp_min(1)
        torch.testing.assert_close(pooled_activations(p, layer)(reference.whole(p)), wanted.detach())
    with pytest.raises(wf.UsageError, match="no layer 'encodr'"):
        pooled_activations(p, "encodr")
