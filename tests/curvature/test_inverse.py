"""The residual that every solver tells."""

import torch

from wherefrom.curvature.inverse import relative_residual


def test_relative_residual_and_a_column_of_zeros() -> None:
    vectors = torch.tensor([[3.0, 0.0], [4.0, 0.0]])
    assert relative_residual(vectors / 2, vectors).tolist() == [0.5, 0.0]
