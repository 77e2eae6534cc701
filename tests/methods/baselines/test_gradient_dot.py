"""Inner products and cosines of gradients."""

import pytest
import torch
from helpers import reference
from helpers.problems import NAMES, problem
from torch.nn import functional as F

import wherefrom as wf


@pytest.mark.parametrize("name", NAMES)
def test_dot_and_cosine_are_those_of_the_gradients(name: str) -> None:
    case = problem(name)
    train, queries = reference.gradients(case.problem), reference.gradients(case.problem, case.queries)
    torch.testing.assert_close(wf.attribute(wf.GradientDot(), case.problem, case.queries).values, queries @ train.T)
    cosine = wf.attribute(wf.GradientCosine(), case.problem, case.queries)
    torch.testing.assert_close(cosine.values, F.normalize(queries) @ F.normalize(train).T)
    assert cosine.unit == "arbitrary"
    torch.testing.assert_close(wf.self_influence(wf.GradientDot(), case.problem), train.square().sum(1))


def test_a_gradient_of_zero_has_cosine_zero() -> None:
    X = torch.tensor([[1.0], [2.0]])
    p = wf.Problem.of(torch.nn.Linear(1, 1, bias=False).eval(), wf.squared_error(), (X, X))
    p = p.at({"weight": torch.ones(1, 1)})
    assert wf.attribute(wf.GradientCosine(), p, (X, X)).values.tolist() == [[0, 0], [0, 0]]
