"""The ball: what is nearest in it, how far it reaches, and signs that belong to an id."""

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.methods.attacks.ball import Ball

X = torch.tensor([[0.0, 0.5, 0.95], [1.0, 0.2, 0.3]], dtype=torch.float64)


def test_projection_stays_within_the_radius_and_the_bounds() -> None:
    ball = Ball(0.1)
    moved = ball.project(X + torch.tensor([[-1.0, 1.0, 1.0], [0.05, -0.05, 0.0]]), X)
    torch.testing.assert_close(moved, torch.tensor([[0.0, 0.6, 1.0], [1.0, 0.15, 0.3]], dtype=torch.float64))
    assert torch.equal(ball.project(moved, X), moved)


def test_reach_is_the_best_of_all_corners() -> None:
    ball, slopes = Ball(0.1), torch.randn(2, 3, dtype=torch.float64)
    corners = torch.cartesian_prod(*[torch.tensor([-0.1, 0.1], dtype=torch.float64)] * 3)
    best = torch.stack([((ball.project(X + corner, X) - X) * slopes).sum(1) for corner in corners]).max(0).values
    torch.testing.assert_close(ball.reach(slopes, X), best)


def test_random_signs_follow_the_seed_and_the_id_alone() -> None:
    ball, ids = Ball(0.1), np.array(["a", "b"])
    both = ball.random(X, ids, 0)
    assert torch.equal(ball.random(X[1:], ids[1:], 0), both[1:]) and not torch.equal(ball.random(X, ids, 1), both)
    assert ((both - X).abs() <= 0.1 + 1e-12).all() and (both >= 0).all() and (both <= 1).all()


@pytest.mark.parametrize("settings", [(0.0, 0.0, 1.0), (-1.0, 0.0, 1.0), (0.1, 1.0, 0.0), (float("nan"), 0.0, 1.0)])
def test_a_ball_without_room_is_refused(settings: tuple[float, float, float]) -> None:
    with pytest.raises(wf.UsageError, match="leave no room; give a radius above 0"):
        Ball(*settings)
