"""Which operation serves which parameter, and in which block."""

import pytest
import torch
from helpers.layers import layer_problem
from helpers.problems import NAMES, problem
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients


def test_a_linear_layer_is_one_block_of_weight_and_bias() -> None:
    assert [block.names for block in Gradients(problem("mlp").problem).coverage.blocks] == [("0.weight", "0.bias"), ("2.weight", "2.bias")]


def test_a_tied_weight_is_one_block_that_both_uses_serve() -> None:
    coverage = Gradients(problem("tied weight").problem).coverage
    assert sum("first.weight" in shape.names for shape in coverage.blocks) == 1
    assert coverage.kinds["first.weight"] == ("Linear", "Linear")
    assert Gradients(layer_problem("table tied to the last layer")).coverage.served()["inner.table.weight"] == "Embedding + Linear"


@pytest.mark.parametrize("name", NAMES)
def test_coverage_names_every_chosen_parameter_once(name: str) -> None:
    p = problem(name).problem
    coverage = Gradients(p).coverage
    assert sorted(parameter for block in coverage.blocks for parameter in block.names) == sorted(p.names)
    assert sorted(coverage.served()) == sorted(p.names)


def test_the_problem_tells_what_serves_each_parameter() -> None:
    description = problem("bare parameter").problem.describe()
    assert "gradients by Product (21.1%), Linear (78.9%)" in description
    assert "layer.weight" in description and "Linear" in description


class Unreached(nn.Module):
    """Two layers of which a batch with small inputs reaches one alone."""

    def __init__(self) -> None:
        super().__init__()
        self.often, self.rarely = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        out = self.often(x)
        large = x[:, 0] > 5
        return out.index_add(0, large.nonzero()[:, 0], self.rarely(x[large])) if bool(large.any()) else out


def test_a_layer_that_the_probe_does_not_reach_is_served_where_it_is_reached() -> None:
    X = torch.randn(40, 3, dtype=torch.float64).clamp(-3, 3)
    X[23, 0] = 9.0
    p = wf.Problem.of(Unreached().double().eval(), wf.cross_entropy(), (X, torch.arange(40) % 2), batch_size=8)
    gradients = Gradients(p)
    assert gradients.coverage.served()["rarely.weight"] == "not used"
    assert ("rarely.weight", "rarely.bias") in [block.names for block in gradients.coverage.blocks]
    rows = torch.cat([gradients.losses(batch).flat() for batch in p.batches(size=8)])
    theta = torch.cat([value.reshape(-1) for value in p.parameters.values()])
    assert rows.shape == (40, len(theta)) and (rows[:, 8:].abs().sum(1) > 0).nonzero().flatten().tolist() == [23]
