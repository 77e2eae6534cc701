"""scikit-learn's HistGradientBoosting: leaves by staged predictions, and refused where two of a tree have one value."""

from typing import Any

import numpy as np
import pytest
from helpers.boosting import Reference, influence, log_odds, log_priors, mean, tables
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

import wherefrom as wf
from wherefrom.trees.proof import Proof
from wherefrom.trees.readers.hist_gradient_boosting import GainRoute

X, TARGETS, WEIGHTS = tables(200)
SETTINGS: dict[str, Any] = {"max_iter": 4, "learning_rate": 0.3, "l2_regularization": 0.7}


@pytest.mark.parametrize("kind", TARGETS)
def test_the_derivative_is_that_of_autograd(kind: str) -> None:
    y = TARGETS[kind]
    model = (HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier)(**SETTINGS).fit(X, y, WEIGHTS)
    problem = wf.trees.read(model, X, y, WEIGHTS)
    assert Proof.of(problem).difference < 1e-6
    # the nodes themselves, which the reader never sees
    nodes = np.stack([np.stack([leaf_of(tree, X) for tree in trees], 1) for trees in model._predictors], 1)
    assert problem.structure.sizes.tolist() == [[len(np.unique(nodes[:, t, k])) for k in range(nodes.shape[2])] for t in range(nodes.shape[1])]
    queries = problem.queries(X[:4] + 0.01, y[:4])
    asked = np.stack([np.stack([leaf_of(tree, X[:4] + 0.01) for tree in trees], 1) for trees in model._predictors], 1)
    loss, start = {"regression": ("squared", mean), "binary": ("logistic", log_odds), "multiclass": ("softmax", log_priors(3, True))}[kind]
    reference = Reference(nodes, y.astype(float), loss, 0.3, start, nodes.shape[2], l2=0.7)
    expected = influence(reference, problem, WEIGHTS, asked, queries)
    found = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False).values.numpy()
    assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max()


def leaf_of(tree: Any, table: np.ndarray) -> np.ndarray:
    found = np.zeros(len(table), int)
    for row, values in enumerate(table):
        place = 0
        while not tree.nodes[place]["is_leaf"]:
            node = tree.nodes[place]
            place = int(node["left"] if values[node["feature_idx"]] <= node["num_threshold"] else node["right"])
        found[row] = place
    return found


def test_two_leaves_of_one_value_are_refused() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 6))
    y = (X[:, 0] + random.normal(size=400) * 0.5 > 0.3).astype(int)
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    with pytest.raises(wf.UsageError, match="two leaves of a tree have the same value.*sample_weight that differ"):
        wf.trees.read(model, X, y)
    weights = random.uniform(0.999, 1.001, 400)
    wf.trees.read(HistGradientBoostingClassifier(max_iter=5).fit(X, y, weights), X, y, weights)


def test_a_gain_of_no_leaf_is_refused() -> None:
    route = GainRoute(None, np.zeros(1), (np.array([0.0, 1.0]),), 1e-12)
    assert route.places(np.array([[[1.0]], [[0.0]]])).ravel().tolist() == [1, 0]
    with pytest.raises(wf.UsageError, match="no training row"):
        route.places(np.array([[[0.5]]]))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"early_stopping": True}, "early_stopping=True"),
        ({"monotonic_cst": [1, 0, 0, 0]}, "monotonic_cst"),
        ({"loss": "absolute_error"}, "loss='absolute_error'"),
        ({"warm_start": True}, "warm_start=True"),
    ],
)
def test_settings_without_a_replay_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = HistGradientBoostingRegressor(max_iter=3, **settings).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match=f"{name}.*retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])


def test_class_weights_are_refused_by_name() -> None:
    model = HistGradientBoostingClassifier(max_iter=3, class_weight="balanced").fit(X, TARGETS["binary"])
    with pytest.raises(wf.UsageError, match="class_weight='balanced'.*retrain with"):
        wf.trees.read(model, X, TARGETS["binary"])
