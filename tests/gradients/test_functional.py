"""torch.func for what has no rule."""

import torch
from helpers import reference
from helpers.problems import problem

from whence.gradients.functional import mapped_gradients, total_gradient


def test_mapped_gradients_equal_autograd() -> None:
    p = problem("bare parameter").problem
    batch = reference.whole(p)
    found = mapped_gradients(p, p.names, batch, p.objective.loss)
    flat = torch.cat([found[name].reshape(len(batch), -1) for name in p.names], 1)
    torch.testing.assert_close(flat, reference.gradients(p))


def test_total_gradient_is_the_weighted_sum() -> None:
    p = problem("convolution").problem
    weights = torch.rand(len(p), dtype=p.dtype)
    found = total_gradient(p, reference.whole(p), p.objective.loss, weights)
    flat = torch.cat([found[name].reshape(-1) for name in p.names])
    torch.testing.assert_close(flat, weights @ reference.gradients(p))
