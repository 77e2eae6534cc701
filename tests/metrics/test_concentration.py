"""The share of influence that a few examples hold."""

import numpy as np
import pytest
import torch

import wherefrom as wf


def scores(values: torch.Tensor) -> wf.Scores:
    return wf.Scores(values, np.arange(len(values)), np.arange(values.shape[1]), "loss change", "by hand")


def test_shares_by_hand() -> None:
    found = wf.metrics.concentration(scores(torch.tensor([[4.0, -3.0, 2.0, 1.0], [1.0, 1.0, -1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])), 2)
    assert found.shares == (0.7, 0.5, None)
    assert found.mean.value == pytest.approx(0.6) and found.mean.n == 2 and found.mean.status == "underpowered"
    assert found.mean.chance == 0.5 and "1 of 3 queries left out: all scores are 0" in found.mean.reason
    assert "share of the top 2" in str(found)


def test_the_mean_has_an_interval_over_queries_that_does_not_depend_on_scale_or_order() -> None:
    values = torch.randn(30, 200, dtype=torch.float64)
    found = wf.metrics.concentration(scores(values), 20)
    assert found.mean.low is not None and found.mean.high is not None and found.mean.value is not None
    assert found.mean.low < found.mean.value < found.mean.high and found.mean.value > 0.1 and found.mean.status == "ok"
    other = wf.metrics.concentration(scores(-3 * values.flip(1)), 20)
    assert other.shares == pytest.approx(found.shares)


def test_what_says_nothing_is_told_or_refused() -> None:
    found = wf.metrics.concentration(scores(torch.ones(2, 5)), 5)
    assert found.mean.status == "vacuous" and found.mean.value is None and found.shares == (None, None)
    assert wf.metrics.concentration(scores(torch.zeros(2, 5)), 1).mean.status == "undefined"
    with pytest.raises(wf.UsageError, match="k=0 counts no examples"):
        wf.metrics.concentration(scores(torch.ones(2, 5)), 0)
    with pytest.raises(wf.UsageError, match="not finite"):
        wf.metrics.concentration(scores(torch.tensor([[1.0, float("nan")]])), 1)
