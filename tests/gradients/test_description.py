"""What takes a parameter's gradients is told, and why no rule does."""

import torch
from torch import Tensor, nn

import wherefrom as wf


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head, self.scale = nn.Linear(4, 3), nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cdist(x[:, None], self.scale[None, None].expand(len(x), 1, 4)).squeeze(1) + x)


def test_each_parameter_is_told_and_each_operation_that_no_rule_understands() -> None:
    lines = wf.Problem.of(Odd().eval(), wf.cross_entropy(), (torch.randn(9, 4), torch.arange(9) % 3)).describe().splitlines()
    assert any("head.weight" in line and line.endswith("Linear") for line in lines)
    assert any("scale" in line and "for want of a rule for cdist at test_description.py:" in line for line in lines)
    assert any(line.startswith("no rule for cdist at test_description.py:") for line in lines)
