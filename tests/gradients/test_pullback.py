"""Gradients at functions of parameters come back to the parameters."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from wherefrom.gradients.blocks import Dense, Factored, Indexed
from wherefrom.gradients.grouped import Stack
from wherefrom.gradients.operations import RULES, take_any
from wherefrom.gradients.origins import Pure
from wherefrom.gradients.pullback import pull_back
from wherefrom.gradients.recorder import Recorder

W, S = torch.randn(3, 2, dtype=torch.float64), torch.randn(4, 3, 2, dtype=torch.float64)

FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], type]] = {
    "itself": (lambda w: w, Factored),
    "transpose": (lambda w: w.t().mT.transpose(0, 1), Factored),
    "cast": (lambda w: w.to(torch.float64).contiguous(), Factored),
    "reshape": (lambda w: w.reshape(2, 3), Dense),
    "slice": (lambda w: w[1:], Dense),
    "exponential": (lambda w: w.exp() * 2, Dense),
    "chunk": (lambda w: w.chunk(3)[1], Dense),
    "norm": (lambda w: w / w.norm(dim=1, keepdim=True), Dense),
}


def pure_of(parameter: Tensor, function: Callable[[Tensor], Tensor]) -> Pure:
    recorder = Recorder({"p": parameter}, torch.zeros(5, 1), 5, RULES, take_any)
    with torch.enable_grad(), recorder:
        result = function(parameter)
    pure = recorder.pure(result)
    assert pure is not None
    return pure


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_are_those_of_autograd(name: str) -> None:
    function, form = FUNCTIONS[name]
    pure = pure_of(W, function)
    o, i = pure.tensor.shape
    block = Factored(torch.randn(5, 1, i, dtype=torch.float64), torch.randn(5, 1, o, dtype=torch.float64))
    ((parameter, back),) = pull_back(pure, block, {"p": W}, W.dtype)
    leaf = W.clone().requires_grad_()
    made = function(leaf)
    true = torch.stack([torch.autograd.grad(made, leaf, row, retain_graph=True)[0] for row in block.dense()])
    assert parameter == "p" and isinstance(back, form)
    torch.testing.assert_close(back.dense(), true)


@pytest.mark.parametrize("pick", [lambda s: s[2], lambda s: s.select(0, 2), lambda s: s[torch.tensor(2)]])
def test_a_matrix_of_a_stack_keeps_its_factors(pick: Callable[[Tensor], Tensor]) -> None:
    block = Factored(torch.randn(5, 1, 2, dtype=torch.float64), torch.randn(5, 1, 3, dtype=torch.float64))
    ((_, back),) = pull_back(pure_of(S, pick), block, {"p": S}, S.dtype)
    assert isinstance(back, Stack) and list(back.members) == [2]
    torch.testing.assert_close(back.dense().view(5, 4, 3, 2)[:, 2], block.dense())
    assert float(back.dense().view(5, 4, 3, 2)[:, [0, 1, 3]].abs().max()) == 0


@pytest.mark.parametrize("padding", [None, 1])
def test_rows_looked_up_at_fixed_places_stay_rows_of_the_table(padding: int | None) -> None:
    places = torch.tensor([[0, 1, 2], [2, 2, 1]])
    pure = pure_of(W, lambda w: torch.nn.functional.embedding(places, w, padding_idx=padding))
    block = Indexed(torch.randint(0, 2, (5, 2)), torch.randn(5, 2, 6, dtype=torch.float64), 2)
    ((_, back),) = pull_back(pure, block, {"p": W}, W.dtype)
    leaf = W.clone().requires_grad_()
    made = torch.nn.functional.embedding(places, leaf, padding_idx=padding)
    true = torch.stack([torch.autograd.grad(made, leaf, row.view(2, 3, 2), retain_graph=True)[0] for row in block.dense()])
    assert isinstance(back, Indexed)
    torch.testing.assert_close(back.dense(), true)
