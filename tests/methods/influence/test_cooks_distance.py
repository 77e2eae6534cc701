"""Cook's distance equals refitting without each row."""

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf


def regression(X: torch.Tensor, y: torch.Tensor) -> wf.Problem:
    p = wf.Problem.of(torch.nn.Linear(X.shape[1], 1, dtype=torch.float64).eval(), wf.squared_error(), (X, y))
    return p.at(wf.train.newton()(p, 0).parameters)


def test_equals_refitting() -> None:
    X = torch.randn(15, 2, dtype=torch.float64)
    y = X.sum(1) + torch.randn(15, dtype=torch.float64)
    A = torch.cat([X, torch.ones(15, 1, dtype=torch.float64)], 1)

    def fitted(rows: torch.Tensor) -> torch.Tensor:
        return A @ torch.linalg.lstsq(A[rows], y[rows]).solution

    everything = torch.arange(15)
    whole = fitted(everything)
    variance = (y - whole).square().sum() / 12
    expected = torch.stack([(whole - fitted(everything[everything != i])).square().sum() / (3 * variance) for i in range(15)])
    torch.testing.assert_close(wf.methods.cooks_distance(regression(X, y)), expected)


def test_other_models_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="for linear regression"):
        wf.methods.cooks_distance(problem("softmax").problem)
    with pytest.raises(wf.UsageError, match="more rows than parameters"):
        wf.methods.cooks_distance(regression(torch.randn(3, 2, dtype=torch.float64), torch.randn(3, dtype=torch.float64)))
