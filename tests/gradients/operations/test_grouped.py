"""Rows sorted by group, each group with a matrix of its own: gradients equal autograd's, whichever way the stack is kept."""

import pytest
import torch
from helpers import reference
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients

grouped_mm = getattr(nn.functional, "grouped_mm", None)
pytestmark = pytest.mark.skipif(grouped_mm is None, reason="this torch has no grouped product")


class Experts(nn.Module):
    """Each token goes to one of four experts by the sign of two of its entries, or to the first of them alone."""

    def __init__(self, *, turned: bool, single: bool) -> None:
        super().__init__()
        self.turned, self.single = turned, single
        self.stack = nn.Parameter(torch.randn(4, 12, 8) if turned else torch.randn(4, 8, 12))
        self.head = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, 1)
        choice = (tokens[:, 0] > 0).long() + 2 * (tokens[:, 1] > 0).long()
        chosen, order = torch.sort(choice * (not self.single))
        ends = torch.bincount(chosen, minlength=4).cumsum(0).int()
        assert grouped_mm is not None
        out = grouped_mm(tokens[order], self.stack.transpose(-2, -1) if self.turned else self.stack, offs=ends)
        return self.head(out.tanh()[order.argsort()].view(*x.shape[:2], -1).mean(1))


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("single", [True, False])
def test_rows_equal_autograd(turned: bool, single: bool) -> None:
    model = Experts(turned=turned, single=single).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(9, 5, 8), torch.arange(9) % 3))
    gradients = Gradients(problem)
    assert gradients.coverage.rest == () and gradients.coverage.served()["stack"] == "Linear"
    rows, true = gradients.losses(reference.whole(problem)), reference.gradients(problem)
    torch.testing.assert_close(rows.flat(), true, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(rows.select(slice(2)).dot(rows), true[:2] @ true.T, rtol=1e-5, atol=1e-5)
    single_rows = torch.cat([gradients.losses(batch).flat() for batch in problem.batches(size=1)])
    torch.testing.assert_close(single_rows, true, rtol=1e-5, atol=1e-6)
