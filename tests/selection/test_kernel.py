"""The RBF kernel against its formula, held or not, and its bandwidth."""

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom.selection.kernel import Kernel


def kernel(features: torch.Tensor, bandwidth: float | None = None, memory: str | None = None) -> Kernel:
    return Kernel.of(features, np.arange(len(features)), bandwidth, 0, memory)


def test_entries_by_their_formula_held_or_not() -> None:
    X = torch.randn(40, 2, 3).double() + 1000  # far from 0, where differences of squares would cancel
    flat = X.flatten(1)
    expected = torch.exp(-(flat[:, None] - flat).square().sum(2) / (2 * 1.7**2))
    for found in (kernel(X, 1.7), kernel(X, 1.7).held(False)):
        torch.testing.assert_close(found.of_places(torch.arange(40)), expected)
        torch.testing.assert_close(found.row(7), expected[7])
        torch.testing.assert_close(found.means(False), expected.mean(0))
    distances = [float((flat[i] - flat[j]).norm()) for i in (3, 5, 8) for j in (3, 5, 8) if i < j]
    assert kernel(X).mean_distance(torch.tensor([3, 5, 8])) == pytest.approx(np.mean(distances))
    assert kernel(X).mean_distance(torch.tensor([3])) == 0


def test_the_table_is_held_where_it_fits() -> None:
    X = torch.randn(400, 2)
    assert kernel(X, memory="2MB").held(False).table is not None
    assert kernel(X, memory="1.1MB").held(False).table is None  # 400² numbers are 1.28 MB


def test_the_bandwidth_is_the_median_distance_of_pairs_that_are_apart() -> None:
    X = torch.randn(31, 3).double()
    apart = torch.cdist(X, X)[*torch.triu_indices(31, 31, 1)]
    assert kernel(X).bandwidth == pytest.approx(float(apart.median()))
    assert kernel(torch.cat([X[:3], X[:1].expand(60, 3)])).bandwidth > 0  # most pairs are copies


def test_a_sampled_bandwidth_depends_on_ids_and_seed_and_not_on_the_order() -> None:
    X, ids, order = torch.randn(1500, 3).double(), np.arange(1500), torch.randperm(1500)
    one, two = (Kernel.of(x, key, None, 0, None).bandwidth for x, key in ((X, ids), (X[order], ids[order.numpy()])))
    assert one == pytest.approx(two, abs=1e-12)
    assert one == pytest.approx(float(torch.pdist(X).median()), rel=0.05)
    assert one != Kernel.of(X, ids, None, 1, None).bandwidth


def test_what_cannot_be_compared_is_refused() -> None:
    for message, features, bandwidth in (
        ("give a row for each", torch.zeros(4, 2), None),
        ("features of example 1 are not finite", torch.tensor([[0.0], [torch.nan], [1.0]]), None),
        ("all examples are the same", torch.ones(3, 2), None),
        ("give a number above 0", torch.randn(3, 2), 0.0),
        ("give a number above 0", torch.randn(3, 2), float("inf")),
        ("scale the features", torch.randn(3, 2).double() * 1e200, None),
        ("scale the features", torch.randn(3, 2), 1e-200),
        ("scale the features", torch.randn(3, 2), 1e200),
    ):
        with pytest.raises(wf.UsageError, match=message):
            Kernel.of(features, np.arange(3), bandwidth, 0, None)
