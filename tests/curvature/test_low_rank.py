"""A matrix as few outer products, close where the energy is."""

import pytest
import torch

from wherefrom.curvature import low_rank as module
from wherefrom.curvature.low_rank import low_rank


def damped(o: int = 30, i: int = 50) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows, columns = torch.logspace(0, -6, o, dtype=torch.float64), torch.logspace(0, -5, i, dtype=torch.float64)
    return 1 / (rows[:, None] * columns + 1e-3), rows, columns


@pytest.mark.parametrize("tolerance", [0.1, 0.01, 1e-4])
@pytest.mark.parametrize("iterated", [False, True])
def test_the_weighed_error_is_within_the_tolerance(tolerance: float, iterated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if iterated:
        monkeypatch.setattr(module, "WIDE", 1)
    weights, rows, columns = damped()
    found = low_rank(weights, rows, columns, tolerance, 18)
    assert found is not None and found.error <= tolerance
    scale = rows.clamp_min(1e-8).sqrt()[:, None] * columns.clamp_min(1e-8).sqrt()
    error = ((found.rows @ found.columns.T - weights) * scale).norm() / (weights * scale).norm()
    assert float(error) == pytest.approx(found.error, rel=0.05, abs=1e-7)


def test_fewer_are_taken_where_fewer_do_and_none_where_too_many_are_needed() -> None:
    weights, rows, columns = damped()
    coarse, fine = low_rank(weights, rows, columns, 0.1, 20), low_rank(weights, rows, columns, 1e-4, 20)
    assert coarse is not None and fine is not None and coarse.rows.shape[1] < fine.rows.shape[1]
    assert low_rank(torch.rand(30, 50), torch.ones(30), torch.ones(50), 1e-3, 10) is None
    assert low_rank(weights, torch.zeros(30), torch.zeros(50), 0.01, 20) is not None
