"""Losses of trees: hessians and slopes against finite differences."""

import numpy as np
import pytest

from wherefrom.trees.losses import FullSoftmaxLoss, LogisticLoss, Loss, SoftmaxLoss, SquaredLoss

STEP = 1e-6


@pytest.mark.parametrize(
    "loss",
    [SquaredLoss(), LogisticLoss(), LogisticLoss(newton=False), SoftmaxLoss(3, 2.0), FullSoftmaxLoss(3), FullSoftmaxLoss(3, newton=False)],
    ids=str,
)
def test_slopes_are_those_of_gradient_and_hessian_step(loss: Loss) -> None:
    random = np.random.default_rng(0)
    raw, step = random.normal(size=(5, loss.outputs)), random.normal(size=(5, loss.outputs))
    y = random.integers(0, max(loss.outputs, 2), 5).astype(float)

    def moved(at: np.ndarray) -> np.ndarray:
        g, h = loss.derivatives(y, at)
        return g + (np.einsum("ikm,im->ik", h, step) if loss.full else h * step)

    found = loss.slopes(y, raw, step)
    for m in range(loss.outputs):
        shift = STEP * np.eye(loss.outputs)[m]
        assert np.allclose(found[:, :, m], (moved(raw + shift) - moved(raw - shift)) / (2 * STEP), atol=1e-8)


def test_the_whole_hessian_is_the_slope_of_the_gradient() -> None:
    loss, raw, y = FullSoftmaxLoss(3), np.random.default_rng(0).normal(size=(4, 3)), np.array([0.0, 1, 2, 0])
    for m in range(3):
        shift = STEP * np.eye(3)[m]
        slope = (loss.derivatives(y, raw + shift)[0] - loss.derivatives(y, raw - shift)[0]) / (2 * STEP)
        assert np.allclose(loss.derivatives(y, raw)[1][:, :, m], slope, atol=1e-8)
