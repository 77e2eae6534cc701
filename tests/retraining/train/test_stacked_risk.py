"""Many reweighted problems at once."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

from wherefrom.retraining.train.stacked_risk import Stacked
from wherefrom.retraining.variants import Variants


@pytest.mark.parametrize(("name", "head"), [("softmax", True), ("ridge with weights", True), ("mlp", False), ("mlp, last layer", True)])
def test_gradients_and_risks_are_those_of_each_problem(name: str, head: bool) -> None:
    p = problem(name).problem
    stacked = Stacked(p)
    assert stacked.is_head == head
    keep = torch.rand(5, len(p), dtype=p.dtype)
    thetas = p.flatten(p.parameters) + 0.1 * torch.randn(5, p.size, dtype=p.dtype)
    found = stacked.gradients(thetas, Variants(keep, torch.ones(5, dtype=p.dtype)))
    for row in range(5):
        reduced = p.reweighted(keep[row])
        theta = thetas[row].clone().requires_grad_()
        true = reference.risk(reduced, theta)
        torch.testing.assert_close(found[row], torch.autograd.grad(true, theta)[0])
        assert Stacked(reduced).risk(thetas[row]) == pytest.approx(true.item())
