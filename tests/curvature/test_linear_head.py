"""The closed form of a linear last layer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf
from wherefrom.curvature.linear_head import Head, head_operator
from wherefrom.curvature.outputs import LossCurvature


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


def test_batches_in_another_order_than_the_examples() -> None:
    """A list of batches is read in its own order, and a part of the examples is still that part."""
    p = problem("softmax").problem
    batch = reference.whole(p)
    listed = wf.Examples.of([(batch.inputs[:10], batch.targets[:10]), (batch.inputs[10:], batch.targets[10:])])
    turned = replace(p, train=listed.take(np.arange(len(p))[::-1].copy()))
    part = head_operator(turned, LossCurvature())
    assert part is not None
    torch.testing.assert_close(part.on(np.array([0, 1, 2])).dense(), reference.hessian(p.subset([21, 22, 23])))


@pytest.mark.parametrize(("name", "alone"), [("softmax", "bias"), ("mlp", "2.bias"), ("tied weight", "second.bias")])
def test_a_bias_alone_is_no_layer(name: str, alone: str) -> None:
    p = problem(name).problem.restricted(alone)
    assert head_operator(p, LossCurvature()) is None
    torch.testing.assert_close(wf.GaussNewton().fit(p).dense(), reference.gauss_newton(p), rtol=1e-10, atol=1e-12)
