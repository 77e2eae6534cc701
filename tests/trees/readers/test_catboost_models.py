"""CatBoost: inner Newton steps, l2 by the mean weight, the whole hessian of several classes, and settings refused by name."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.boosting import Reference, constant, influence, mean, refitted, tables

import wherefrom as wf
from wherefrom.trees.proof import Proof

cb = pytest.importorskip("catboost", reason="needs the extra trees: pip install wherefrom[trees]")
X, TARGETS, WEIGHTS = tables()
SETTINGS: dict[str, Any] = {"iterations": 4, "depth": 2, "learning_rate": 0.4, "l2_leaf_reg": 1.5, "verbose": 0, "allow_writing_files": False}


def trained(kind: str, **settings: Any) -> Any:
    return (cb.CatBoostRegressor if kind == "regression" else cb.CatBoostClassifier)(**{**SETTINGS, **settings})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("kind", TARGETS)
def test_the_derivative_is_that_of_autograd(kind: str, steps: int, weighted: bool) -> None:
    y, weights = TARGETS[kind], WEIGHTS.astype(np.float32).astype(float) if weighted else np.ones(len(X))
    model = trained(kind, leaf_estimation_iterations=steps).fit(X, y, sample_weight=weights)
    problem = wf.trees.read(model, X, y, weights)
    assert Proof.of(problem).difference < 1e-6
    loss, start = {"regression": ("squared", mean), "binary": ("logistic", constant(0.0)), "multiclass": ("full", constant(0.0, 0.0, 0.0))}[kind]
    nodes, asked = (model.calc_leaf_indexes(table).astype(int)[:, :, None] for table in (X, X[:4]))
    classes = 3 if kind == "multiclass" else 1
    reference = Reference(nodes, y.astype(np.float32).astype(float), loss, 0.4, start, classes, l2=1.5, steps=steps, mean_weight=True)
    queries = problem.queries(X[:4], y[:4])
    expected = influence(reference, problem, weights, asked, queries)
    found = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False).values.numpy()
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()
    refit = wf.attribute(wf.trees.LeafRefit(), problem, queries, ids=[5], progress=False).values[:, 0].numpy()
    assert np.allclose(refit, refitted(reference, problem, weights, asked, queries, 5), atol=1e-8)


@pytest.mark.parametrize(
    "settings",
    [
        {"boosting_type": "Ordered"},
        {"bootstrap_type": "Bernoulli", "subsample": 0.5},
        {"bootstrap_type": "Bayesian", "bagging_temperature": 2.0},
        {"bootstrap_type": "MVS"},
        {"grow_policy": "Depthwise"},
        {"grow_policy": "Lossguide", "max_leaves": 6},
        {"leaf_estimation_method": "Gradient", "leaf_estimation_iterations": 3},
        {"boost_from_average": True},
    ],
)
@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_what_changes_structure_alone_is_read(kind: str, settings: dict[str, Any]) -> None:
    model = trained(kind, **settings).fit(X, TARGETS[kind])
    assert Proof.of(wf.trees.read(model, X, TARGETS[kind])).difference < 1e-6


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"model_shrink_rate": 0.1}, "model_shrink_rate=0.1"),
        ({"langevin": True}, "model_shrink_rate|langevin"),
        ({"loss_function": "MAE"}, "loss_function='MAE'"),
        ({"monotone_constraints": [1, 0, 0, 0]}, "monotone_constraints"),
    ],
)
def test_settings_without_a_replay_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = trained("regression", **settings).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match=f"({name}).*retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])


def test_weights_of_classes_are_refused_by_name() -> None:
    for settings in ({"auto_class_weights": "Balanced"}, {"class_weights": [1, 2]}, {"scale_pos_weight": 2.0}):
        model = trained("binary", **settings).fit(X, TARGETS["binary"])
        with pytest.raises(wf.UsageError, match="class_weights|scale_pos_weight"):
            wf.trees.read(model, X, TARGETS["binary"])


def test_ordered_statistics_of_categories_are_refused_by_name() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"c": [f"v{k}" for k in random.integers(0, 40, 400)], "x": random.normal(size=400)})
    y = (random.normal(size=400) + frame["x"].to_numpy() > 0).astype(int)
    model = trained("binary", cat_features=["c"], depth=4, iterations=10).fit(frame, y)
    with pytest.raises(wf.UsageError, match="cat_features.*ordered statistics.*retrain with"):
        wf.trees.read(model, frame, y)
