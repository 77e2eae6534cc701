"""Rankings of two starts: agreement by brute force, and what is convex knows no start."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

import wherefrom as wf
from wherefrom_studies.koh_liang.starts_ranked import L2, QUERIES, TOP, agreeing, convolutions, softmax


@pytest.fixture(autouse=True)
def digits(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))


def wide(rows: list[dict[str, float]]) -> np.ndarray:
    return pd.DataFrame(rows).pivot(index="query", columns="train", values="score").to_numpy()


def test_agreement_is_over_every_two_starts() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 2, 25))  # starts, queries, images
    scores[2] = -scores[0]
    rows = [{"seed": s, "query": q, "train": t, "score": scores[s, q, t]} for s in range(4) for q in range(2) for t in range(25)]
    failed = {"seed": 9, "query": -1, "train": -1, "score": float("nan")}
    found = agreeing(pd.DataFrame([*rows, failed]).sample(frac=1, random_state=0))
    assert found["query"].tolist() == [0, 1] and found["chance"].tolist() == [TOP / 25] * 2
    for q in range(2):
        pairs = list(combinations(range(4), 2))
        ranks = [spearmanr(scores[a, q], scores[b, q]).statistic for a, b in pairs]
        largest = [set(sorted(range(25), key=lambda t: -abs(scores[s, q, t]))[:TOP]) for s in range(4)]
        assert found["spearman"][q] == pytest.approx(np.mean(ranks))
        assert found["shared"][q] == pytest.approx(np.mean([len(largest[a] & largest[b]) / TOP for a, b in pairs]))


def test_one_start_agrees_with_none() -> None:
    rows = [{"seed": 0, "query": 0, "train": t, "score": float(t)} for t in range(20)]
    with pytest.raises(wf.UsageError, match="two to agree"):
        agreeing(pd.DataFrame([*rows, {"seed": 1, "query": -1, "train": -1, "score": float("nan")}]))


def test_softmax_regression_knows_its_start_before_its_minimum_alone() -> None:
    (one, two), (early, other) = ([wide(softmax(seed, 40, early)) for seed in (0, 1)] for early in (False, True))
    assert one.shape == (QUERIES, 40)
    np.testing.assert_allclose(one, two, atol=1e-7 * np.abs(one).max())
    assert np.abs(early - other).max() > 0.1 * np.abs(early).max()


def test_scores_are_the_exact_influence_at_the_minimum() -> None:
    data = wf.datasets.mnist("test", limit=40 + QUERIES)
    X = data.X.view(-1, 14, 2, 14, 2).double().mean((2, 4)).flatten(1)
    model = torch.nn.Linear(196, 10, dtype=torch.float64).eval()
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2), (X[:40], data.y[:40]))
    problem = problem.at(wf.train.newton(1e-10)(problem, 0).parameters)
    exact = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact())), problem, (X[40:], data.y[40:]), progress=False).values
    np.testing.assert_allclose(wide(softmax(3, 40, early=False)), exact.numpy(), atol=1e-6 * float(exact.abs().max()))


def test_a_start_that_comes_to_no_minimum_is_a_row_without_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherefrom_studies.minimum.MOST", 3)
    (row,) = convolutions(5, 30)
    assert row["seed"] == 5 and row["query"] == -1 and np.isnan(row["score"])
