"""Which rule serves which parameter."""

from helpers.layers import layer_problem
from helpers.problems import NAMES, problem

from wherefrom.gradients.coverage import coverage_of, find_rules


def test_linear_layers_have_rules() -> None:
    assert [rule.module for rule in find_rules(problem("mlp").problem)] == ["0", "2"]


def test_a_tied_weight_is_one_block_that_both_modules_serve() -> None:
    p = problem("tied weight").problem
    coverage = coverage_of(p, find_rules(p))
    assert sum("first.weight" in shape.names for shape in coverage.blocks) == 1
    assert coverage.served()["first.weight"] == "Linear + Linear"
    table = layer_problem("table tied to the last layer")
    assert coverage_of(table, find_rules(table)).served()["inner.table.weight"] == "Embedding + Linear"


def test_coverage_names_every_chosen_parameter_once() -> None:
    for name in NAMES:
        p = problem(name).problem
        coverage = coverage_of(p, find_rules(p))
        assert sorted(parameter for block in coverage.blocks for parameter in block.names) == sorted(p.names)
        assert sorted(coverage.served()) == sorted(p.names)


def test_the_problem_tells_what_serves_each_parameter() -> None:
    said = problem("bare parameter").problem.describe()
    assert "gradients by Linear (78.9%), torch.func (21.1%)" in said
    assert "layer.weight" in said and "Linear" in said
