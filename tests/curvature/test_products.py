"""Cotangents pulled back many at a time."""

import torch

from whence.curvature.products import pull_back


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
