"""Made-up digits that a logistic regression tells apart, mostly."""

import numpy as np
import pytest
import torch

from wherefrom_studies.koh_liang.flipping import Digits, Model


@pytest.fixture
def model() -> Model:
    """Thirty digits of 16 pixels and forty test digits, some of them on the wrong side."""
    random = torch.Generator().manual_seed(0)

    def drawn(count: int, first: int) -> Digits:
        y = (torch.arange(count) % 2).double()
        X = (torch.rand(count, 16, generator=random, dtype=torch.float64) + 0.2 * y[:, None]).clamp(0, 1)
        return Digits(X, y, np.arange(first, first + count))

    return Model.trained(drawn(30, 0), drawn(40, 100), 0.01)
