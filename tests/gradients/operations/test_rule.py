"""Every rule against autograd, one example at a time."""

import pytest
import torch
from helpers import reference
from helpers.layers import CASES, layer_problem

import wherefrom as wf
from wherefrom.gradients import Gradients

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


@pytest.mark.parametrize("name", CASES)
def test_rows_equal_autograd_one_example_at_a_time(name: str) -> None:
    problem = layer_problem(name)
    found = Gradients(problem).losses(reference.whole(problem)).flat()
    torch.testing.assert_close(found, reference.gradients(problem), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_rows_in_single_precision(name: str) -> None:
    problem = layer_problem(name, torch.float32)
    found = Gradients(problem).losses(reference.whole(problem)).flat()
    torch.testing.assert_close(found, reference.gradients(problem), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.served])
def test_the_rule_serves_every_parameter(name: str) -> None:
    served = Gradients(layer_problem(name)).coverage.served()
    assert set(served.values()) == {CASES[name].served}


@pytest.mark.parametrize("name", CASES)
def test_products_of_rows_are_those_of_flat_rows(name: str) -> None:
    problem = layer_problem(name)
    rows = Gradients(problem).losses(reference.whole(problem))
    few, flat = rows.select(slice(3)), rows.flat()
    torch.testing.assert_close(rows.dot(few), flat @ flat[:3].T)
    torch.testing.assert_close(few.dot(rows), flat[:3] @ flat.T)
    torch.testing.assert_close(rows.paired(rows), rows.squared_norms())
    torch.testing.assert_close(rows.squared_norms(), flat.square().sum(1))
    torch.testing.assert_close(rows.layout.rows(flat).dot(few), flat @ flat[:3].T)
    torch.testing.assert_close(rows.layout.rows(flat).flat(), flat)


@pytest.mark.parametrize("name", CASES)
def test_scores_are_the_same_whatever_the_batch_size(name: str) -> None:
    problem = layer_problem(name)
    whole = wf.attribute(wf.GradientDot(), problem, problem.train).values
    single = wf.Problem.of(problem.model, problem.objective, problem.train, batch_size=2)
    torch.testing.assert_close(wf.attribute(wf.GradientDot(), single, problem.train).values, whole)


@pytest.mark.parametrize("setting", ["max_norm", "scale_grad_by_freq"])
def test_tables_that_mix_examples_are_refused(setting: str) -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(9, 3, **{setting: True}), torch.nn.Flatten(1)).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (torch.randint(0, 9, (6, 1)), torch.randint(0, 3, (6,))))
    with pytest.raises(wf.UsageError, match=f"{setting}.*turn it off"):
        Gradients(problem)
