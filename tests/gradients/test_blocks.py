"""Blocks as factors and written out are the same thing."""

import pytest
import torch

from wherefrom.gradients import Dense, Factored
from wherefrom.gradients.blocks import pieces


@pytest.mark.parametrize("positions", [1, 2, 30])
def test_factored_equals_dense(positions: int) -> None:
    factored = Factored(torch.randn(4, positions, 3).double(), torch.randn(4, positions, 5).double())
    dense = Dense(factored.dense())
    assert len(factored) == len(dense) == 4 and dense.values.shape == (4, 5, 3)
    torch.testing.assert_close(factored.squared_norms(), dense.squared_norms())
    factors = torch.randn(4).double()
    torch.testing.assert_close(factored.scale(factors).dense(), dense.scale(factors).dense())
    torch.testing.assert_close(factored.select(torch.tensor([2, 0])).dense(), dense.select(torch.tensor([2, 0])).dense())


@pytest.mark.parametrize("entries", [1, 31, 1 << 24])
def test_pieces_are_all_rows_in_order(entries: int) -> None:
    factored = Factored(torch.randn(7, 2, 3), torch.randn(7, 2, 5))
    found = list(pieces(factored, entries))
    assert [values.shape[0] for _, values in found] == {1: [1] * 7, 31: [2, 2, 2, 1], 1 << 24: [7]}[entries]
    torch.testing.assert_close(torch.cat([values for _, values in found]), factored.dense())
    assert torch.cat([torch.arange(7)[some] for some, _ in found]).tolist() == list(range(7))
