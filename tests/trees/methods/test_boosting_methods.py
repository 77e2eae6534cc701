"""BoostIn, TreeSim and AXIL against their definitions."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.boosting import tables
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestRegressor

import wherefrom as wf

X, TARGETS, WEIGHTS = tables()


def boostin(model: Any, y: np.ndarray, asked: np.ndarray, wanted: np.ndarray, weighting: int, logistic: bool) -> np.ndarray:
    """The definition, row by row."""
    raw, said, scores = np.full(len(X), 0.0), np.full(len(asked), 0.0), np.zeros((len(asked), len(X)))
    start = np.average(y, weights=WEIGHTS)
    start = np.log(start / (1 - start)) if logistic else start
    raw, said = raw + start, said + start
    for number in range(len(model.estimators_)):
        tree = model.estimators_[number, 0]
        own, there = tree.apply(X), tree.apply(asked)
        p, q = (1 / (1 + np.exp(-raw)), 1 / (1 + np.exp(-said))) if logistic else (raw, said)
        g, h = p - y, p * (1 - p) if logistic else np.ones(len(X))
        slope = (q - wanted) * (1 if logistic else 2)
        for row in range(len(X)):
            mates = own == own[row]
            total = (WEIGHTS[mates] * h[mates]).sum()
            value = -(WEIGHTS[mates] * g[mates]).sum() / total
            share = 0.3 * WEIGHTS[row] * (g[row] + h[row] * value) / total / mates.sum() ** weighting
            scores[:, row] += (there == own[row]) * slope * share
        raw, said = raw + 0.3 * tree.tree_.value[own, 0, 0], said + 0.3 * tree.tree_.value[there, 0, 0]
    return scores


@pytest.mark.parametrize("weighting", [0, 1, 2])
@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_boostin_is_its_definition(kind: str, weighting: int) -> None:
    y = TARGETS[kind]
    model = (GradientBoostingRegressor if kind == "regression" else GradientBoostingClassifier)(n_estimators=5, max_depth=2, learning_rate=0.3)
    problem = wf.trees.read(model.fit(X, y, WEIGHTS), X, y, WEIGHTS)
    found = wf.attribute(wf.trees.BoostIn(weighting), problem, (X[:4] + 0.1, y[:4]), progress=False)
    expected = boostin(model, y, X[:4] + 0.1, y[:4], weighting, kind == "binary")
    assert np.abs(found.values.numpy() - expected).max() < 1e-10 * np.abs(expected).max() and found.unit == "arbitrary"


def test_axil_weighs_the_targets_to_the_prediction() -> None:
    lgb = pytest.importorskip("lightgbm", reason="needs the extra trees: pip install wherefrom[trees]")
    y, weights = TARGETS["regression"], WEIGHTS.astype(np.float32).astype(float)
    for model, room in ((GradientBoostingRegressor(n_estimators=9), 1e-10), (lgb.LGBMRegressor(n_estimators=9, reg_lambda=2.0, verbose=-1), 1e-5)):
        problem = wf.trees.read(model.fit(X, y, sample_weight=weights), X, y, weights)
        found = wf.attribute(wf.trees.AXIL(), problem, (X[:6] + 0.1, y[:6]), progress=False)
        assert np.allclose(found.values.numpy() @ y, model.predict(X[:6] + 0.1), atol=room)


def test_axil_needs_squared_error() -> None:
    y = TARGETS["binary"]
    problem = wf.trees.read(GradientBoostingClassifier(n_estimators=3).fit(X, y), X, y)
    with pytest.raises(wf.UsageError, match="squared error alone"):
        wf.attribute(wf.trees.AXIL(), problem, (X[:1], y[:1]), progress=False)


def test_tree_sim_counts_shared_leaves_with_a_sign() -> None:
    y = TARGETS["binary"]
    model = GradientBoostingClassifier(n_estimators=7, max_depth=2).fit(X, y)
    problem = wf.trees.read(model, X, y)
    found = wf.attribute(wf.trees.TreeSim(), problem, (X[:3], y[:3]), progress=False).values.numpy()
    own = model.apply(X)[:, :, 0]
    expected = (own[:3, None] == own[None]).mean(2) * np.where(y[:3, None] == y[None], 1, -1)
    assert np.allclose(found, expected)
    assert torch.equal(wf.self_influence(wf.trees.TreeSim(), problem, ids=[1], progress=False), torch.ones(1, dtype=torch.float64))


def test_forests_and_unknown_settings_are_refused() -> None:
    y = TARGETS["regression"]
    forest = wf.trees.read(RandomForestRegressor(n_estimators=3).fit(X, y), X, y)
    with pytest.raises(wf.UsageError, match="the model is a forest"):
        wf.attribute(wf.trees.BoostIn(), forest, (X[:1], y[:1]), progress=False)
    with pytest.raises(wf.UsageError, match="weighting=3"):
        wf.trees.BoostIn(3)
