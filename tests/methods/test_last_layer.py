"""The linear layer that ends a model: found, read, and taken as a problem of its own."""

import pytest
import torch
from helpers import reference
from helpers.problems import NAMES, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.methods.last_layer import LastLayer

ENDING = [name for name in NAMES if name != "tied weight"]


@pytest.mark.parametrize("name", ENDING)
def test_outputs_are_features_times_theta_whatever_parameters_are_chosen(name: str) -> None:
    p = problem(name).problem
    layer, batch = LastLayer.of(p), reference.whole(p)
    features, outputs = layer.read(batch)
    alone = layer.alone([(features, batch.targets)], [batch.positions], p.objective)
    torch.testing.assert_close(outputs, p.outputs(batch.inputs).reshape(len(batch), -1))
    torch.testing.assert_close(alone.outputs(features), outputs)
    assert alone.normaliser == p.normaliser and torch.equal(alone.weights, p.weights) and (alone.ids == p.ids).all()


@pytest.mark.parametrize("name", ["mlp", "ridge", "hinge"])
def test_slopes_are_those_of_the_loss(name: str) -> None:
    p = problem(name).problem
    layer, batch = LastLayer.of(p), reference.whole(p)
    _, outputs = layer.read(batch)
    for row in range(3):
        point = outputs[row : row + 1].clone().requires_grad_()
        loss = p.objective.loss(point, batch.targets[row : row + 1]).sum()
        torch.testing.assert_close(layer.slopes(outputs, batch)[row], torch.autograd.grad(loss, point)[0][0])


class Squeezed(nn.Module):
    """One output, without its dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).squeeze(-1)


def test_a_loss_of_outputs_without_a_dimension_for_them_is_served() -> None:
    X, y = torch.randn(6, 4, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    p = wf.Problem.of(Squeezed().eval(), wf.Objective(lambda outputs, targets: (outputs - targets).square()), (X, y))
    layer, batch = LastLayer.of(p), reference.whole(p)
    assert layer.shape == torch.Size([])
    torch.testing.assert_close(layer.slopes(layer.read(batch)[1], batch)[:, 0], 2 * (p.outputs(X) - y))


OTHERWISE = {
    "softmax": lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)),
    "ReLU": lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
    "no linear layer": lambda: nn.Sequential(nn.Unflatten(1, (4, 1)), nn.Conv1d(4, 3, 1), nn.Flatten()),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_model_that_does_not_end_in_a_linear_layer_is_refused(name: str) -> None:
    p = wf.Problem.of(OTHERWISE[name]().double().eval(), wf.cross_entropy(), (torch.randn(6, 4).double(), torch.arange(6) % 3))
    with pytest.raises(wf.UsageError, match="give a model whose outputs are an nn.Linear's"):
        LastLayer.of(p)


def test_a_tied_layer_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="does not end in one linear layer of its own"):
        LastLayer.of(problem("tied weight").problem)
