"""The Hessian equals autograd's dense one."""

import pytest
import torch
from helpers import reference
from helpers.problems import NAMES, problem

import whence as wh


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_dense_reference(name: str) -> None:
    p = problem(name).problem
    operator, true = wh.Hessian().fit(p), reference.hessian(p)
    torch.testing.assert_close(operator.dense(), true, rtol=1e-9, atol=1e-11)
    vectors = torch.randn(p.size, 40, dtype=p.dtype)
    torch.testing.assert_close(operator @ vectors, true @ vectors, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(operator @ vectors[:, 0], true @ vectors[:, 0], rtol=1e-9, atol=1e-10)
