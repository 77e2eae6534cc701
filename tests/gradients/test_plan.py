"""The contraction of each layer, in words, and the names of layers."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

from wherefrom.gradients import Gradients
from wherefrom.gradients.blocks import Dense, Factored, Indexed, SumBlock
from wherefrom.gradients.contraction import contraction, products
from wherefrom.gradients.plan import LayerPlan, form, layer_plans


def test_forms() -> None:
    factored = Factored(torch.ones(2, 1, 3), torch.ones(2, 1, 4))
    longer = Factored(torch.ones(2, 5, 3), torch.ones(2, 5, 4))
    table = Indexed(torch.zeros(2, 6, dtype=torch.long), torch.ones(2, 6, 3), 4)
    assert [form(block) for block in (factored, longer, table, Dense(torch.ones(2, 4, 3)))] == [
        "factors", "factors of 5 positions", "6 table rows", "12 entries",
    ]  # fmt: skip
    assert form(SumBlock((factored, table, factored))) == "factors + 6 table rows"


def test_a_sum_is_contracted_part_by_part() -> None:
    factored = Factored(torch.randn(2, 1, 30), torch.randn(2, 1, 40))
    both = SumBlock((factored, Dense(torch.randn(2, 40, 30))))
    ways, cost = contraction(both, both)
    assert len(ways) == 4 and "gram" in ways and "dense" in ways
    assert cost == sum(contraction(mine, theirs)[1] for mine in both.parts for theirs in both.parts)
    torch.testing.assert_close(products(both, both), both.dense().flatten(1) @ both.dense().flatten(1).T)


@pytest.mark.parametrize("name", ["mlp", "tied weight", "bare parameter", "convolution"])
def test_every_layer_has_a_rule_and_a_contraction(name: str) -> None:
    p = problem(name).problem
    gradients = Gradients(p)
    rows = gradients.losses(reference.whole(p))
    plans = layer_plans(rows, rows, gradients.coverage)
    assert {parameter for plan in plans for parameter in plan.parameters} == set(p.names)
    assert all(plan.rule != "projection" and plan.contraction and plan.multiplications > 0 for plan in plans)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [(("a.b.weight", "a.b.bias"), "a.b"), (("scale",), "scale"), (("weight", "bias"), "model"), (("a.x", "b.y", "c"), "3 tensors")],
)
def test_a_layer_goes_by_its_module(parameters: tuple[str, ...], name: str) -> None:
    assert LayerPlan(parameters, "", (1, 1), "", "", "", 0).name == name
