"""scikit-learn's gradient boosting: every leaf replayed, the exact derivative, and settings refused by name."""

from typing import Any

import numpy as np
import pytest
from helpers.boosting import Reference, influence, log_odds, log_priors, mean, refitted, tables
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

import wherefrom as wf
from wherefrom.trees.proof import Proof

X, TARGETS, WEIGHTS = tables()
KINDS = {
    "regression": (GradientBoostingRegressor(n_estimators=6, max_depth=2, learning_rate=0.3), "squared", mean, 1),
    "binary": (GradientBoostingClassifier(n_estimators=6, max_depth=2, learning_rate=0.3), "logistic", log_odds, 1),
    "multiclass": (GradientBoostingClassifier(n_estimators=5, max_depth=2, learning_rate=0.3), "softmax", log_priors(3, True), 3),
}


def case(kind: str, weighted: bool) -> tuple[Any, Reference, np.ndarray, np.ndarray]:
    model, loss, start, outputs = KINDS[kind]
    weights = WEIGHTS if weighted else np.ones(len(X))
    model.fit(X, TARGETS[kind], weights)
    nodes = model.apply(X).reshape(len(X), -1, outputs).astype(int)
    rate = 0.3 * ((outputs - 1) / outputs if outputs > 1 else 1)
    return model, Reference(nodes, TARGETS[kind].astype(float), loss, rate, start, outputs), nodes, weights


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_derivative_is_that_of_autograd(kind: str, weighted: bool) -> None:
    model, reference, nodes, weights = case(kind, weighted)
    problem = wf.trees.read(model, X, TARGETS[kind], weights if weighted else None)
    assert Proof.of(problem).difference < 1e-12
    queries = problem.queries(X[:4] + 0.1, TARGETS[kind][:4])
    asked = model.apply(X[:4] + 0.1).reshape(4, *nodes.shape[1:]).astype(int)
    expected = influence(reference, problem, weights, asked, queries)
    found = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False)
    assert found.unit == "loss change"
    assert np.abs(found.values.numpy() - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_the_library(kind: str) -> None:
    model, *_ = case(kind, False)
    problem = wf.trees.read(model, X, TARGETS[kind])
    said = model.predict(X) if kind == "regression" else model.decision_function(X)
    batch = next(problem.batches(problem.queries(X, TARGETS[kind])))
    assert np.allclose(problem.outputs(batch.inputs).numpy(), said, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"subsample": 0.5}, "subsample=0.5"),
        ({"loss": "huber"}, "loss='huber'"),
        ({"n_iter_no_change": 3}, "n_iter_no_change=3"),
        ({"warm_start": True}, "warm_start=True"),
    ],
)
def test_settings_without_a_replay_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = GradientBoostingRegressor(n_estimators=3, **settings).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match=f"{name}.*retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])


def test_a_start_of_zero_is_followed() -> None:
    model = GradientBoostingRegressor(n_estimators=3, init="zero").fit(X, TARGETS["regression"])
    assert Proof.of(wf.trees.read(model, X, TARGETS["regression"])).difference < 1e-12


def test_leaving_a_row_out_is_what_the_reference_says() -> None:
    model, reference, nodes, weights = case("binary", True)
    problem = wf.trees.read(model, X, TARGETS["binary"], weights)
    queries = problem.queries(X[:4], TARGETS["binary"][:4])
    expected = refitted(reference, problem, weights, nodes[:4], queries, 7)
    influence_there = wf.attribute(wf.trees.LeafInfluence(), problem, queries, ids=[7], progress=False).values[:, 0].numpy()
    assert np.corrcoef(expected, influence_there)[0, 1] > 0.9
