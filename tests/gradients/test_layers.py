"""Which rule serves which parameter."""

from helpers.problems import problem

from whence.gradients.layers import coverage_of, linear_rules


def test_linear_layers_have_rules_and_shared_weights_none() -> None:
    assert [rule.module for rule in linear_rules(problem("mlp").problem)] == ["0", "2"]
    tied = linear_rules(problem("tied weight").problem)
    assert all(not rule.weight for rule in tied)


def test_coverage_names_every_chosen_parameter_once() -> None:
    for name in ("mlp", "mlp, weights alone", "tied weight", "convolution"):
        p = problem(name).problem
        coverage = coverage_of(p, linear_rules(p))
        served = [parameter for block in coverage.blocks for parameter in block.names]
        assert sorted(served) == sorted(p.names)
