"""The closed form of a linear last layer."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

from whence.curvature.head import Head, head_operator
from whence.curvature.outputs import LossCurvature


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge with weights", "mlp, last layer", "ridge, l2 on the weight alone"])
def test_equals_the_hessian(name: str) -> None:
    p = problem(name).problem
    head = head_operator(p, LossCurvature())
    assert isinstance(head, Head)
    true = reference.hessian(p)
    torch.testing.assert_close(head.dense(), true, rtol=1e-10, atol=1e-12)
    vectors = torch.randn(p.size, 3, dtype=p.dtype)
    torch.testing.assert_close(head @ vectors, true @ vectors, rtol=1e-10, atol=1e-12)
    assert head.mean_eigenvalue() == pytest.approx(float(true.diagonal().mean()))


@pytest.mark.parametrize("name", ["mlp", "tied weight", "sequence in a dictionary"])
def test_other_models_have_none(name: str) -> None:
    assert head_operator(problem(name).problem, LossCurvature()) is None
