"""The bundle: every figure as its own function gives it, per query and over queries, by id."""

import numpy as np
import pytest
import torch

import wherefrom as wf

FIGURES = {
    "kendall": wf.metrics.kendall, "spearman": wf.metrics.spearman, "weighted_kendall": wf.metrics.weighted_kendall,
    "pearson": wf.metrics.pearson, "sign": wf.metrics.sign_agreement,
    "overlap": wf.metrics.overlap, "kuncheva": wf.metrics.kuncheva, "jaccard": wf.metrics.jaccard, "fagin": wf.metrics.fagin,
    "rbo": wf.metrics.rbo, "ndcg": wf.metrics.ndcg,
}  # fmt: skip
OF_LISTS = ("overlap", "kuncheva", "jaccard", "fagin", "rbo", "ndcg")


def pair(q: int = 8, n: int = 40) -> tuple[wf.Scores, wf.Scores]:
    x = torch.randn(q, n)
    one = wf.Scores(x, np.arange(q), np.arange(n), "loss change", "given")
    order, queries = torch.randperm(n), torch.randperm(q)
    other = (x + torch.randn(q, n))[queries][:, order]
    return one, wf.Scores(other, queries.numpy(), order.numpy(), "arbitrary", "given")


def test_the_bundle_is_its_parts() -> None:
    one, other = pair()
    found = wf.metrics.agreement(one, other, k=6)
    for name, metric in FIGURES.items():
        alone = metric(one, other, k=6) if name in OF_LISTS else metric(one, other)
        assert getattr(found, name) == alone
        assert np.mean(found.per_query[name]) == pytest.approx(alone.value) and len(found.per_query[name]) == 8
    assert len(found.estimates()) == 11 and found.k == 6 and found.n == 40 and found.query_ids == tuple(range(8))
    assert "chance" in str(found)


def test_ids_decide_not_positions() -> None:
    one, other = pair()
    straight = wf.Scores(other.values[other.query_ids.argsort()][:, other.train_ids.argsort()], np.arange(8), np.arange(40), "arbitrary", "given")
    assert [e.value for e in wf.metrics.agreement(one, other, k=6).estimates()] == [
        e.value for e in wf.metrics.agreement(one, straight, k=6).estimates()
    ]


def test_random_scores_give_the_column_of_chance() -> None:
    """The row of a method that knows nothing, end to end."""
    problem = wf.Problem.of(torch.nn.Linear(3, 2).eval(), wf.cross_entropy(), (torch.randn(60, 3), torch.randint(0, 2, (60,))))
    queries = (torch.randn(300, 3), torch.randint(0, 2, (300,)))
    scores = [wf.attribute(wf.methods.RandomScores(seed), problem, queries, progress=False) for seed in (0, 1)]
    for estimate in wf.metrics.agreement(*scores, k=8).estimates():
        assert estimate.status == "ok" and abs(estimate.value - estimate.chance) < 3 * (estimate.high - estimate.low) / 2 / 1.96, estimate


def test_a_query_without_a_value_is_none() -> None:
    one, other = pair()
    one.values[3] = 0.0
    found = wf.metrics.agreement(one, other, k=6)
    assert found.per_query["kendall"][3] is None and found.per_query["overlap"][3] is None and found.kendall.n == 7
    whole = wf.metrics.agreement(one, other, k=40)
    assert whole.overlap.status == whole.kuncheva.status == "vacuous" and set(whole.per_query["overlap"]) == {None}
