"""Operations in place of torch's: the same values and first derivatives, and second ones that are right."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wherefrom.curvature.double_backward import Composed

TOKENS, OFFSETS = torch.tensor([1, 1, 2, 3, 4, 5, 8, 8, 0, 1]), torch.tensor([0, 2, 2, 7, 10, 10])  # empty bags too
TABLE = torch.randn(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SCALES = torch.rand(10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
BAGS: dict[str, dict[str, Any]] = {
    "mean": {},
    "mean with padding": {"padding_idx": 1},
    "mean with padding from the end": {"padding_idx": -8},
    "sum": {"mode": "sum"},
    "sum with weights and padding": {"mode": "sum", "per_sample_weights": SCALES, "padding_idx": 1},
    "max": {"mode": "max"},
    "max with padding": {"mode": "max", "padding_idx": 1},
}


def rows(settings: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    """Bags of two tokens each, one of them nothing but padding."""
    settings = {name: value.view(5, 2) if isinstance(value, Tensor) else value for name, value in settings.items()}
    return lambda table: F.embedding_bag(TOKENS.view(5, 2), table, **settings)


def offsets(settings: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    return lambda table: F.embedding_bag(TOKENS, table, OFFSETS, **settings)


def last_offset(settings: dict[str, Any]) -> Callable[[Tensor], Tensor]:
    return lambda table: F.embedding_bag(TOKENS, table, OFFSETS, include_last_offset=True, **settings)


def agrees(function: Callable[..., Tensor], *inputs: Tensor) -> None:
    inputs = tuple(value.clone().requires_grad_() for value in inputs)
    expected = function(*inputs)
    with Composed():
        found = function(*inputs)
    torch.testing.assert_close(found, expected)
    for own, true in zip(torch.autograd.grad(found.sin().sum(), inputs), torch.autograd.grad(expected.sin().sum(), inputs), strict=True):
        torch.testing.assert_close(own, true)

    def composed(*inputs: Tensor) -> Tensor:
        with Composed():
            return function(*inputs)

    assert torch.autograd.gradgradcheck(composed, inputs)


@pytest.mark.parametrize("form", [rows, offsets, last_offset])
@pytest.mark.parametrize("name", BAGS)
def test_bags_of_embeddings(name: str, form: Callable[[dict[str, Any]], Callable[[Tensor], Tensor]]) -> None:
    agrees(form(BAGS[name]), TABLE)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(dim: int | None) -> None:
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3).double(), dim=dim)
    norm = layer.parametrizations.weight[0]
    agrees(norm, layer.parametrizations.weight.original0.detach(), layer.parametrizations.weight.original1.detach())


def test_a_table_that_is_renormalised_stays_torchs() -> None:
    with Composed():
        found = F.embedding_bag(TOKENS, TABLE.clone(), OFFSETS, max_norm=1.0)
    torch.testing.assert_close(found, F.embedding_bag(TOKENS, TABLE.clone(), OFFSETS, max_norm=1.0))
