"""Gauss-Newton equals its definition, is never negative, and is the Hessian where outputs are linear in θ."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import reference
from helpers.layers import layer_problem
from helpers.problems import CONVEX, NAMES, problem
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

import wherefrom as wf
from wherefrom.curvature.double_backward import Kernels, differentiable_twice
from wherefrom.curvature.draws import drawn_targets
from wherefrom.curvature.gauss_newton import FEWER, pushed_forward, pushed_twice, summed_rows
from wherefrom.curvature.operator import written_out
from wherefrom.curvature.outputs import LossCurvature

FUSED = [
    "embedding bag, mean", "embedding bag, weighted sum", "embedding bag, max", "lstm", "gru, batch second", "self-attention, masks",
    "transformer encoder", "weight norm",
]  # fmt: skip


class Doubled(torch.autograd.Function):
    """2x by hand, whose backward pass has no derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * grad


class DoubledForward(Doubled):
    """The same with a forward mode."""

    @staticmethod
    def jvp(ctx: Any, along: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * along


class ByHand(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.first, self.function, self.last = nn.Linear(4, 3), function, nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.function.apply(self.first(x))))


def by_hand(function: Any) -> wf.Problem:
    X, y = torch.randn(12, 4, dtype=torch.float64), torch.arange(12) % 3
    return wf.Problem.of(ByHand(function).double().eval(), wf.cross_entropy(l2=0.01), (X, y))


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_dense_reference(name: str) -> None:
    p = problem(name).problem
    operator, true = wf.GaussNewton().fit(p), reference.gauss_newton(p)
    torch.testing.assert_close(operator.dense(), true, rtol=1e-9, atol=1e-11)
    vectors = torch.randn(p.size, 40, dtype=p.dtype)
    torch.testing.assert_close(operator @ vectors, true @ vectors, rtol=1e-9, atol=1e-10)
    assert torch.linalg.eigvalsh(operator.dense()).min() > -1e-12


@pytest.mark.parametrize("curvature", [wf.GaussNewton(), wf.Fisher(samples=2), wf.EmpiricalFisher()], ids=lambda one: type(one).__name__)
def test_rows_give_the_matrix_that_products_give(curvature: wf.curvature.Curvature) -> None:
    layers = [nn.Conv2d(1, 3, 3), nn.Tanh(), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(48, 3)]
    data = (torch.randn(9, 1, 6, 6, dtype=torch.float64), torch.arange(9) % 3)
    p = wf.Problem.of(nn.Sequential(*layers).double().eval(), wf.cross_entropy(l2=0.01), data, weights=torch.rand(9))
    operator = curvature.fit(replace(p, batch_size=4))
    torch.testing.assert_close(operator.dense(), written_out(operator), rtol=1e-9, atol=1e-12)


def test_as_many_outputs_as_columns_are_left_to_products() -> None:
    p = wf.Problem.of(
        nn.Sequential(nn.Linear(2, 9), nn.Tanh()).double().eval(), wf.squared_error(), (torch.randn(4, 2).double(), torch.randn(4, 9).double())
    )
    assert p.size < FEWER * 9 and summed_rows(p, LossCurvature()) is None


@pytest.mark.parametrize("name", CONVEX)
def test_is_the_hessian_of_a_linear_model(name: str) -> None:
    p = problem(name).problem
    torch.testing.assert_close(wf.GaussNewton().fit(p).dense(), wf.Hessian().fit(p).dense(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_the_empirical_fisher_is_the_mean_square_of_gradients(name: str) -> None:
    p = problem(name).problem
    g = reference.gradients(p)
    true = (g * p.weights[:, None]).T @ g / p.normaliser + torch.diag(p.l2)
    torch.testing.assert_close(wf.EmpiricalFisher().fit(p).dense(), true, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "hinge"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_fisher_is_the_mean_square_of_gradients_at_drawn_targets(name: str, size: int) -> None:
    p = problem(name).problem
    batch = reference.whole(p)
    total = torch.diag(p.l2)
    for draw in range(2):
        targets = drawn_targets(p, p.outputs(batch.inputs).detach(), batch, 3, draw)
        g = reference.gradients(wf.Problem.of(p.model, p.objective, (batch.inputs, targets), parameters=list(p.names)).at(p.state))
        total = total + (g * p.weights[:, None]).T @ g / p.normaliser / 2
    found = wf.Fisher(samples=2, seed=3).fit(replace(p, batch_size=size)).dense()
    torch.testing.assert_close(found, total, rtol=1e-9, atol=1e-11)


def test_the_fisher_of_many_draws_is_the_gauss_newton_matrix() -> None:
    p = problem("mlp").problem
    true = wf.GaussNewton().fit(p).dense()
    assert (wf.Fisher(samples=500).fit(p).dense() - true).norm() < 0.1 * true.norm()


@pytest.mark.parametrize("name", FUSED)
def test_layers_with_kernels_of_their_own(name: str) -> None:
    p = layer_problem(name)
    true = reference.gauss_newton(p)
    torch.testing.assert_close(wf.GaussNewton().fit(p).dense(), true, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(wf.GaussNewton().fit(p.to(torch.float32)).dense().double(), true, rtol=1e-4, atol=1e-5 * float(true.abs().max()))
    g = reference.gradients(p)
    torch.testing.assert_close(wf.EmpiricalFisher().fit(p).dense(), g.T @ g / len(p), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", [*FUSED, "mlp", "conv2d, two groups", "batch norm of images"])
def test_forward_mode_gives_the_same_products(name: str) -> None:
    p = layer_problem(name)
    batch, tangents = reference.whole(p), [torch.randn(3, *value.shape, dtype=p.dtype) for value in p.parameters.values()]
    with differentiable_twice(Kernels.UNFUSED):
        parameters = {key: value.clone().requires_grad_() for key, value in p.parameters.items()}
        outputs = p.outputs(batch.inputs, parameters)
        found, true = (push(p, batch, tangents, parameters, outputs) for push in (pushed_forward, pushed_twice))
    torch.testing.assert_close(found, true)


def test_a_layer_whose_backward_pass_has_no_derivative_is_taken_forward() -> None:
    p = by_hand(DoubledForward)
    torch.testing.assert_close(wf.GaussNewton().fit(p).dense(), reference.gauss_newton(p), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("curvature", [wf.GaussNewton(), wf.Fisher(), wf.EmpiricalFisher(), wf.Hessian()], ids=repr)
def test_a_layer_that_goes_neither_way_is_refused_with_what_to_do(curvature: wf.curvature.Curvature) -> None:
    p = by_hand(Doubled)
    with pytest.raises(wf.UsageError, match=r"use EKFAC\(\).*leave the layer out through parameters=") as told:
        curvature.fit(p)
    assert "\n" not in str(told.value)
    assert curvature.fit(p.restricted("last.*")).dense().isfinite().all()
    scores = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.EKFAC(), wf.Eigen())), p, (torch.randn(2, 4), torch.tensor([0, 1])))
    assert scores.values.isfinite().all()


@pytest.mark.parametrize(
    "curvature", [wf.GaussNewton(), wf.Fisher(), wf.EmpiricalFisher(), wf.Hessian(), wf.EKFAC(), wf.Diagonal(wf.GaussNewton())], ids=repr
)
def test_every_example_counts_alike_however_uneven_the_batches(curvature: wf.curvature.Curvature) -> None:
    """pyDVL 0.10: Gauss-Newton off by 2.8 to 25 times, DataInf's scale by the number of batches, the Hessian 7 % off as a mean of batches' means."""
    p = problem("mlp").problem
    X, y = p.train.source.tree  # type: ignore[attr-defined]
    uneven = wf.Problem.of(p.model, p.objective, [(X[:18], y[:18]), (X[18:23], y[18:23]), (X[23:], y[23:])]).at(p.parameters)
    whole = curvature.fit(p) @ torch.eye(p.size, dtype=p.dtype)
    torch.testing.assert_close(curvature.fit(uneven) @ torch.eye(p.size, dtype=p.dtype), whole, rtol=1e-9, atol=1e-11)
    vector = torch.ones(p.size, dtype=p.dtype)
    torch.testing.assert_close(curvature.fit(replace(p, batch_size=7)) @ vector, whole @ vector, rtol=1e-9, atol=1e-11)
