"""KNN-Shapley equals the enumeration of all subsets."""

import sys
from itertools import product
from math import comb
from typing import Any

import pytest
import torch
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf


def classed(X: Tensor, y: Tensor, **settings: Any) -> wf.Problem:
    model = torch.nn.Linear(X[0].numel(), 3, dtype=torch.float64).eval()
    return wf.Problem.of(model, wf.cross_entropy(), (X, y), **settings)


def enumerated(distances: Tensor, match: Tensor, k: int) -> Tensor:
    """The Shapley values by the definition, over all 2^n subsets."""
    n, order = len(match), distances.argsort(stable=True).tolist()

    def utility(members: tuple[int, ...]) -> float:
        return sum(float(match[place]) for place in [place for place in order if members[place]][:k]) / k

    values = torch.zeros(n, dtype=torch.float64)
    for members in product((0, 1), repeat=n):
        weight = 1 / (n * comb(n - 1, sum(members))) if sum(members) < n else 0.0
        for i in range(n):
            if not members[i]:
                values[i] += weight * (utility(members[:i] + (1,) + members[i + 1 :]) - utility(members))
    return values


@pytest.mark.parametrize(("n", "k"), [(1, 1), (1, 3), (4, 2), (8, 1), (8, 3), (8, 7), (8, 8), (8, 9), (7, 20)])
def test_equals_the_enumeration_of_all_subsets(n: int, k: int) -> None:
    X, Xq = torch.randn(n, 2, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    y, yq = torch.randint(0, 2, (n,)), torch.tensor([0, 1, 2])  # no example has class 2
    values = wf.knn_shapley(classed(X, y), (Xq, yq), k).values
    for row in range(3):
        expected = enumerated((X - Xq[row]).norm(dim=1), y == yq[row], k)
        torch.testing.assert_close(values[row], expected, rtol=0, atol=1e-12)


def test_more_neighbours_than_examples_are_right_where_the_farthest_matches() -> None:
    """pyDVL gives the farthest 1/n there, and all others the same too much."""
    X, y = torch.arange(6, dtype=torch.float64)[:, None], torch.tensor([1, 1, 0, 0, 1, 1])
    values = wf.knn_shapley(classed(X, y), (torch.zeros(1, 1, dtype=torch.float64), torch.tensor([1])), k=9).values[0]
    torch.testing.assert_close(values, y.double() / 9)


def test_rows_sum_to_the_share_of_right_neighbours() -> None:
    X, y = torch.randn(300, 5, dtype=torch.float64), torch.randint(0, 3, (300,))
    Xq, yq = torch.randn(20, 5, dtype=torch.float64), torch.randint(0, 3, (20,))
    scores = wf.knn_shapley(classed(X, y), (Xq, yq), 7)
    nearest = torch.cdist(Xq, X).topk(7, largest=False).indices
    torch.testing.assert_close(scores.values.sum(1), (y[nearest] == yq[:, None]).double().mean(1), rtol=0, atol=1e-12)
    together = wf.knn_shapley(classed(X, y), (Xq, yq), 7, aggregate=True)
    torch.testing.assert_close(together.values, scores.values.mean(0, keepdim=True), rtol=0, atol=1e-15)
    assert scores.values.shape == (20, 300)  # (queries, train); dattri has it the other way round
    assert together.query_ids.tolist() == ["all queries"] and scores.unit == "arbitrary"


def test_equal_distances_rank_in_the_order_of_the_data() -> None:
    """Copies of a row are equally far whatever the matrix product rounds to: three more columns put them in another block."""
    base = torch.randn(7, 33, dtype=torch.float64)
    X, y = torch.cat([base] * 9), torch.arange(63) % 2
    Xq, yq = torch.randn(5, 33, dtype=torch.float64), torch.ones(5, dtype=torch.long)
    values = wf.knn_shapley(classed(X, y), (Xq, yq), 3).values
    for row in range(5):
        distances = (base - Xq[row]).norm(dim=1).repeat(9)
        order = distances.argsort(stable=True)
        match = torch.cat([(y[order] == 1).double(), torch.zeros(1, dtype=torch.float64)])
        expected, running = torch.zeros(63, dtype=torch.float64), 0.0
        for rank in range(62, -1, -1):
            running += float(match[rank] - match[rank + 1]) / max(3, rank + 1)
            expected[order[rank]] = running
        torch.testing.assert_close(values[row], expected, rtol=0, atol=1e-12)


def test_memory_and_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = torch.randn(90, 6, dtype=torch.float64).round(decimals=1), torch.randint(0, 3, (90,))
    whole = wf.knn_shapley(classed(X, y), (X, y), 4).values
    monkeypatch.setattr(sys.modules["wherefrom.methods.valuation.knn_shapley"], "MOST", 7)  # the package gives the function by that name
    assert torch.equal(wf.knn_shapley(classed(X, y, batch_size=11), (X, y), 4).values, whole)


def test_features_replace_inputs() -> None:
    case = problem("sequence in a dictionary")
    features = torch.randn(24, 3), torch.randn(3, 3)
    scores = wf.knn_shapley(case.problem, case.queries, 2, features=features)
    plain = classed(features[0].double(), case.problem.train.source.tree["labels"])  # type: ignore[attr-defined]
    assert torch.equal(scores.values, wf.knn_shapley(plain, (features[1].double(), case.queries["labels"]), 2).values)
    assert "features" in scores.method and scores.fingerprint == case.problem.fingerprint()


@pytest.mark.parametrize("targets", [torch.tensor([[0.0], [1.0], [1.0]]), torch.tensor([-1.0, 1.0, 1.0]), torch.tensor([False, True, True])])
def test_classes_come_in_many_forms(targets: Tensor) -> None:
    X = torch.tensor([[0.0], [1.0], [2.0]], dtype=torch.float64)
    p = wf.Problem.of(torch.nn.Linear(1, 1, dtype=torch.float64).eval(), wf.smooth_hinge(), (X, targets))
    torch.testing.assert_close(wf.knn_shapley(p, (X[:1], targets[1:2]), 1).values[0], enumerated(X[:, 0], torch.tensor([False, True, True]), 1))


def test_what_cannot_be_answered_is_refused() -> None:
    ridge, sequence = problem("ridge"), problem("sequence in a dictionary")
    X, y = torch.randn(5, 2, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 0])
    with pytest.raises(wf.UsageError, match="targets are no classes"):
        wf.knn_shapley(ridge.problem, ridge.queries)
    with pytest.raises(wf.UsageError, match="give features="):
        wf.knn_shapley(sequence.problem, sequence.queries)
    with pytest.raises(wf.UsageError, match="k=0"):
        wf.knn_shapley(classed(X, y), (X, y), 0)
    with pytest.raises(wf.UsageError, match="these examples have weights"):
        wf.knn_shapley(classed(X, y, weights=[1.0, 1, 1, 1, 2]), (X, y))
    for features, message in (((X, X[:, :1]), "do not fit"), ((X[:3], X), "do not fit"), ((X, X * torch.nan), "not finite")):
        with pytest.raises(wf.UsageError, match=message):
            wf.knn_shapley(classed(X, y), (X, y), features=features)
