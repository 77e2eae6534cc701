"""Blocks as factors and written out are the same thing."""

import pytest
import torch

from wherefrom.gradients import Dense, Factored


@pytest.mark.parametrize("positions", [1, 2, 30])
def test_factored_equals_dense(positions: int) -> None:
    factored = Factored(torch.randn(4, positions, 3).double(), torch.randn(4, positions, 5).double())
    dense = Dense(factored.dense())
    assert len(factored) == len(dense) == 4 and dense.values.shape == (4, 5, 3)
    torch.testing.assert_close(factored.squared_norms(), dense.squared_norms())
    factors = torch.randn(4).double()
    torch.testing.assert_close(factored.scale(factors).dense(), dense.scale(factors).dense())
    torch.testing.assert_close(factored.select(torch.tensor([2, 0])).dense(), dense.select(torch.tensor([2, 0])).dense())
