"""Rankings of two starts: what is convex knows no start, and scores are the influence at the minimum."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import wherefrom as wf
from wherefrom_studies.koh_liang.starts.rankings.experiment import L2, QUERIES, score_convolutions, score_softmax


@pytest.fixture(autouse=True)
def digits(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))


def wide(rows: list[dict[str, float]]) -> np.ndarray:
    return pd.DataFrame(rows).pivot(index="query", columns="train", values="score").to_numpy()


def test_softmax_regression_knows_its_start_before_its_minimum_alone() -> None:
    (one, two), (early, other) = ([wide(score_softmax(seed, 40, early)) for seed in (0, 1)] for early in (False, True))
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
    np.testing.assert_allclose(wide(score_softmax(3, 40, early=False)), exact.numpy(), atol=1e-6 * float(exact.abs().max()))


def test_a_start_that_comes_to_no_minimum_is_a_row_without_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherefrom_studies.minimum.MOST", 3)
    (row,) = score_convolutions(5, 30)
    assert row["seed"] == 5 and row["query"] == -1 and np.isnan(row["score"])
