"""Cotangents pulled back many at a time."""

from typing import Any

import pytest
import torch
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf
from wherefrom.curvature.double_backward import Kernels
from wherefrom.curvature.hessian import hessian_product
from wherefrom.curvature.products import Risk, Route, pull_back
from wherefrom.data.batches import Batch


def test_pull_back_is_the_transposed_jacobian() -> None:
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    matrix = torch.randn(3, 4, dtype=torch.float64)
    cotangents = torch.randn(5, 3, dtype=torch.float64)
    (found,) = pull_back([matrix @ x], [x], [cotangents])
    torch.testing.assert_close(found, cotangents @ matrix)


def test_what_does_not_depend_gives_zeros() -> None:
    x, other = torch.randn(2, 4, dtype=torch.float64).requires_grad_().unbind()
    found = pull_back([x.sum()[None]], [x, torch.zeros(2, requires_grad=True)], [torch.ones(3, 1, dtype=torch.float64)])
    assert found[1].shape == (3, 2) and not found[1].any()
    assert not pull_back([torch.ones(1)], [other], [torch.ones(3, 1)])[0].any()


def test_an_operation_that_cannot_be_batched_is_taken_one_by_one() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: object, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            return torch.from_numpy(grad.detach().numpy() * 2)

    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    cotangents = torch.randn(5, 4, dtype=torch.float64)
    (found,) = pull_back([Double.apply(x)], [x], [cotangents])  # type: ignore[list-item]
    torch.testing.assert_close(found, 2 * cotangents)


def test_the_first_route_without_a_fault_is_taken_and_the_first_fault_told() -> None:
    p = problem("mlp").problem

    def broken(problem: wf.Problem, batch: Batch, tangents: list[Tensor]) -> list[Tensor]:
        raise NotImplementedError("no derivative of this.\nMore about it")

    def without_float64(*_: Any) -> str:
        raise TypeError("no float64 here")

    bad, wrong, good = Route(broken, lambda *_: ""), Route(hessian_product, lambda *_: "it is wrong"), Route(hessian_product, without_float64)
    assert Risk.of(p, [Route(hessian_product, lambda *_: "")], False).kernels == Kernels.ALL
    risk = Risk.of(p, [bad, wrong, good], False)
    assert risk.product is hessian_product and risk.kernels == Kernels.COMPOSED
    with pytest.raises(wf.UsageError, match=r"\(no derivative of this\); use EKFAC\(\) or KFAC\(\), or leave"):
        Risk.of(p, [bad, wrong], False)
    with pytest.raises(wf.UsageError, match=r"\(it is wrong\)"):
        Risk.of(p, [wrong], False)


def test_what_is_wrong_with_the_model_itself_is_not_taken_for_a_missing_derivative() -> None:
    p = wf.Problem.of(torch.nn.Linear(5, 3).eval(), wf.cross_entropy(), (torch.randn(4, 4), torch.arange(4) % 3))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Risk.of(p, [Route(hessian_product, lambda *_: "")], False)
