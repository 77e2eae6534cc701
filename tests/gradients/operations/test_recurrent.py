"""Recurrent layers by their gates: gradients equal autograd's for every kind, direction, depth and choice of parameters."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers import reference
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients


class Reader(nn.Module):
    """A recurrent layer, what it says over time and where it ends, and a linear layer."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size * (1 + layer.bidirectional), 3)

    def forward(self, x: Tensor) -> Tensor:
        outputs, last = self.layer(x if self.layer.batch_first else x.transpose(0, 1))
        last = last[0] + last[1] if isinstance(last, tuple) else last
        width = self.head.in_features
        ends = last.transpose(0, 1).flatten(1)[:, -width:]
        return self.head(outputs.mean(1 if self.layer.batch_first else 0) + ends)


KINDS: dict[str, Callable[..., nn.RNNBase]] = {
    "LSTM": nn.LSTM, "GRU": nn.GRU, "tanh": nn.RNN, "relu": lambda *sides, **more: nn.RNN(*sides, nonlinearity="relu", **more)
}  # fmt: skip
SETTINGS: list[dict[str, Any]] = [
    {"batch_first": True}, {"batch_first": False}, {"num_layers": 2}, {"bidirectional": True, "num_layers": 2, "batch_first": True}, {"bias": False}
]  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 6, 7])
def test_rows_equal_autograd(kind: str, settings: dict[str, Any], size: int) -> None:
    model = Reader(KINDS[kind](4, 5, **settings)).double().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(7, 6, 4).double(), torch.arange(7) % 3))
    gradients = Gradients(problem)
    assert gradients.coverage.rest == () and gradients.coverage.served()["layer.weight_hh_l0"] in ("LSTM", "GRU", "RNN")
    rows = torch.cat([gradients.losses(batch).flat() for batch in problem.batches(size=size)])
    torch.testing.assert_close(rows, reference.gradients(problem), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("chosen", ["layer.weight_hh_l0", "layer.bias_*", "layer.weight_ih_l0"])
def test_some_of_its_parameters(chosen: str) -> None:
    model = Reader(nn.GRU(4, 5)).double().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(7, 6, 4).double(), torch.arange(7) % 3), parameters=chosen)
    gradients = Gradients(problem)
    assert gradients.coverage.rest == ()
    torch.testing.assert_close(gradients.losses(reference.whole(problem)).flat(), reference.gradients(problem), rtol=1e-9, atol=1e-12)


def test_projected_states_are_left_to_another_way() -> None:
    model = Reader(nn.LSTM(4, 5, batch_first=True)).double().eval()
    model.layer = nn.LSTM(4, 8, proj_size=5, batch_first=True).double()
    model.forward = lambda x: model.head(model.layer(x)[0].mean(1))  # type: ignore[method-assign]
    problem = wf.Problem.of(model.eval(), wf.cross_entropy(), (torch.randn(7, 6, 4).double(), torch.arange(7) % 3))
    gradients = Gradients(problem)
    assert set(gradients.coverage.rest) == {name for name in problem.names if name.startswith("layer.")}
    torch.testing.assert_close(gradients.losses(reference.whole(problem)).flat(), reference.gradients(problem), rtol=1e-9, atol=1e-12)
