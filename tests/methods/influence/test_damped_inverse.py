"""Second moments and their damped inverse against numpy."""

import numpy as np
import pytest
import torch
from torch import nn

import wherefrom as wf
from wherefrom.methods.influence.damped_inverse import DampedInverse, add_moments, layer_dampings


def summed() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows, weights = torch.randn(20, 6, generator=generator), torch.rand(20, generator=generator)
    matrix = torch.zeros(6, 6, dtype=torch.float64)
    for part in torch.arange(20).split(7):
        add_moments(matrix, rows[part], weights[part])
    return matrix, rows, weights


def test_moments_are_summed_in_double() -> None:
    matrix, rows, weights = summed()
    wide = rows.double().numpy()
    np.testing.assert_allclose(matrix.numpy(), wide.T @ (weights.double().numpy()[:, None] * wide), rtol=1e-12)


def test_solutions_and_quadratic_forms() -> None:
    matrix, rows, _ = summed()
    inverse = DampedInverse.of(matrix, 0.5, "damping", rows)
    dense = rows.double().numpy() @ np.linalg.inv(matrix.numpy() + 0.5 * np.eye(6))
    np.testing.assert_allclose(inverse.solve(rows).numpy(), dense, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(inverse.quadratic(rows).numpy(), (dense * rows.numpy()).sum(1), rtol=1e-5)
    white = inverse.whiten(rows)
    np.testing.assert_allclose((white @ white.T).numpy(), dense @ rows.numpy().T, rtol=1e-5, atol=1e-6)
    assert inverse.solve(rows).dtype == white.dtype == rows.dtype


def test_what_is_singular_or_not_finite_is_refused() -> None:
    matrix, rows, _ = summed()
    flat = matrix.clone()
    flat[:, 0] = flat[0] = 0
    with pytest.raises(wf.UsageError, match="do not span all of their 6 dimensions; leave out ridge="):
        DampedInverse.of(flat, 0.0, "ridge", rows)
    with pytest.raises(wf.UsageError, match="overflow"):
        DampedInverse.of(matrix / 0, 1.0, "ridge", rows)
    assert torch.isfinite(DampedInverse.of(flat, 1e-6, "ridge", rows).solve(rows)).all()


@pytest.mark.parametrize(
    "method", [wf.TRAK(dimension=300), wf.ProjectedInfluence(wf.LayerProjection(200)), wf.ProjectedInfluence(wf.gradients.Projection(300))]
)
def test_matrices_that_do_not_fit_are_refused_before_they_are_made(method: wf.methods.Method) -> None:
    data = torch.randn(9, 100), torch.arange(9) % 3
    small = wf.Problem.of(nn.Linear(100, 3).eval(), wf.cross_entropy(), data, memory=2**20)
    with pytest.raises(wf.UsageError, match="give a smaller (dimension|rank or dimension), choose fewer"):
        wf.attribute(method, small, data)


def test_dampings_are_a_tenth_of_each_layers_mean_eigenvalue() -> None:
    assert layer_dampings([4.0, 0.0], [2, 6]) == pytest.approx([0.2, 0.05])
    with pytest.raises(wf.UsageError, match="no damping follows from it"):
        layer_dampings([0.0], [3])
