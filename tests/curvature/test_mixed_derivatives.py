"""Mixed derivatives against differences of the gradient, for layers of all kinds, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.layers import layer_problem
from helpers.problems import data, named, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.curvature.mixed_derivatives import mixed_kernels, mixed_products, real_input
from wherefrom.curvature.products import directions
from wherefrom.data.batches import Batch
from wherefrom.data.trees import tree_map
from wherefrom.gradients.functional import total_gradient

STEP = 1e-5
OTHERS = [
    "conv2d, circular", "transposed conv2d", "batch norm of images", "group norm", "prelu per channel", "lstm", "gru, batch second", "weight norm",
    "transformer encoder", "class token and positions",
]  # fmt: skip


def along(p: wf.Problem, batch: Batch, tangents: list[Tensor], x: Tensor) -> Tensor:
    """(k, B): vᵀ∇θ lossᵢ of each example alone."""
    found = []
    for row in range(len(batch)):
        one = Batch(batch.positions, batch.ids, x, batch.targets, batch.weights).take(np.array([row]))
        gradient = total_gradient(p, one, p.objective.loss, one.weights.new_ones(1))
        found.append(torch.stack([(part * gradient[name]).flatten(1).sum(1) for name, part in zip(p.names, tangents, strict=True)]).sum(0))
    return torch.stack(found, 1)


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge with weights", "hinge", "mlp", "mlp, weights alone", "reused layer", "convolution"])
def test_each_entry_is_what_the_gradient_changes_by(name: str) -> None:
    p = problem(name).problem
    batch, tangents = next(p.batches(size=4)), directions(p, 3)
    found = mixed_products(p, batch, tangents, mixed_kernels(p))
    for column in range(4):
        move = STEP * torch.eye(4, dtype=torch.float64)[column]
        change = (along(p, batch, tangents, batch.inputs + move) - along(p, batch, tangents, batch.inputs - move)) / (2 * STEP)
        torch.testing.assert_close(found[:, :, column], change, atol=1e-8, rtol=1e-7)


@pytest.mark.parametrize("name", OTHERS)
def test_layers_of_other_kinds(name: str) -> None:
    p = layer_problem(name)
    batch, tangents = next(p.batches(size=3)), directions(p, 2)
    found = mixed_products(p, batch, tangents, mixed_kernels(p))
    u = torch.randn_like(batch.inputs)
    change = (along(p, batch, tangents, batch.inputs + STEP * u) - along(p, batch, tangents, batch.inputs - STEP * u)) / (2 * STEP)
    torch.testing.assert_close((found * u).flatten(2).sum(2), change, atol=1e-7, rtol=1e-6)


def test_many_directions_are_taken_in_parts_and_a_dictionary_of_inputs_by_its_real_numbers() -> None:
    p = problem("mlp").problem
    batch, tangents = next(p.batches(size=5)), directions(p, 40)
    kernels = mixed_kernels(p)
    whole = mixed_products(p, batch, tangents, kernels)
    torch.testing.assert_close(whole[35:], mixed_products(p, batch, [part[35:] for part in tangents], kernels))

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3, dtype=torch.float64)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return torch.tanh(self.layer(x)) * mask[:, None]

    X, y = data(6, "class")
    inputs = {"x": X.double(), "mask": torch.arange(6) % 2 == 0}
    case = named(Masked(), wf.cross_entropy(l2=0.1), {**inputs, "labels": y}, {**inputs, "labels": y}).problem
    found = mixed_products(case, reference.whole(case), directions(case, 2), mixed_kernels(case))
    assert found.shape == (2, 6, 4) and found[:, ::2].all() and not found[:, 1::2].any()


def test_inputs_that_have_no_derivative_are_refused() -> None:
    with pytest.raises(wf.UsageError, match=r"inputs \(torch.int64\) have no small changes; give the model embeddings"):
        real_input({"input_ids": torch.ones(2, 3, dtype=torch.int64)})
    with pytest.raises(wf.UsageError, match="hold 2 tensors of real numbers; give all but the one"):
        mixed_kernels(problem("sequence in a dictionary").problem)


def test_a_backward_pass_without_a_derivative_is_refused() -> None:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
            return grad * 2 * ctx.saved_tensors[0].detach()

    class Squares(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Square.apply(x)  # type: ignore[return-value]

    model = nn.Sequential(nn.Linear(4, 4), Squares(), nn.Linear(4, 3)).double()
    X, y = data(6, "class")
    with pytest.raises(wf.UsageError, match="no derivative"):
        mixed_kernels(named(model, wf.cross_entropy(l2=0.1), (X.double(), y), (X, y)).problem)


def test_the_problem_stays_as_it_is() -> None:
    p = problem("convolution").problem
    before = p.fingerprint()
    batch = next(p.batches(size=3))
    kept = tree_map(lambda leaf: leaf.clone(), batch.inputs)
    mixed_products(p, batch, directions(p, 1), mixed_kernels(p))
    assert p.fingerprint() == before and torch.equal(kept, batch.inputs) and all(value.grad is None for value in p.model.parameters())
