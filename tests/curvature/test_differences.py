"""Products with second derivatives beside differences of the first ones."""

import torch
from helpers import reference
from helpers.problems import problem

from wherefrom.curvature.differences import first_unlike, moved
from wherefrom.curvature.products import directions


def test_the_first_wrong_product_is_named() -> None:
    x, along = torch.randn(4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)

    def slopes(step: float) -> list[torch.Tensor]:
        at = x + step * along
        return [3 * at**2, at.cos(), at[:1]]

    right = [6 * x * along, -x.sin() * along, along[:1]]
    assert first_unlike(right, slopes, 1e-6, 0.0) is None
    assert first_unlike([right[0], 1.1 * right[1], 2 * right[2]], slopes, 1e-6, 0.0) == 1
    assert first_unlike([right[0], 1.1 * right[1], right[2]], slopes, 1e-6, 1.0) is None


def test_parameters_move_along_a_direction() -> None:
    p = problem("mlp").problem
    along = directions(p, 1)
    change = p.flatten(dict(zip(p.names, (part[0] for part in along), strict=True)))
    torch.testing.assert_close(reference.theta_of(moved(p, along, 0.5)), reference.theta_of(p) + 0.5 * change)
