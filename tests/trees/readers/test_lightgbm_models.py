"""LightGBM: every leaf replayed, the exact derivative, categories, and settings refused by name."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.boosting import Reference, influence, log_odds, log_priors, mean, tables

import wherefrom as wf
from wherefrom.trees.proof import Proof

lgb = pytest.importorskip("lightgbm", reason="needs the extra trees: pip install wherefrom[trees]")
X, TARGETS, WEIGHTS = tables(200)
SETTINGS: dict[str, Any] = {"n_estimators": 4, "num_leaves": 5, "learning_rate": 0.4, "reg_lambda": 1.5, "verbose": -1}


def trained(kind: str, **settings: Any) -> Any:
    return (lgb.LGBMRegressor if kind == "regression" else lgb.LGBMClassifier)(**{**SETTINGS, **settings})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
def test_the_derivative_is_that_of_autograd(kind: str, weighted: bool) -> None:
    y, weights = TARGETS[kind], WEIGHTS.astype(np.float32).astype(float) if weighted else np.ones(len(X))
    model = trained(kind).fit(X, y, sample_weight=weights)
    problem = wf.trees.read(model, X, y, weights)
    assert Proof.of(problem).difference < 1e-6
    outputs = 3 if kind == "multiclass" else 1
    loss, start = {"regression": ("squared", mean), "binary": ("logistic", log_odds), "multiclass": ("softmax", log_priors(3, False))}[kind]
    nodes = np.asarray(model.booster_.predict(X, pred_leaf=True)).reshape(len(X), -1, outputs)
    asked = np.asarray(model.booster_.predict(X[:4] + 0.1, pred_leaf=True)).reshape(4, -1, outputs)
    reference = Reference(nodes, y.astype(np.float32).astype(float), loss, 0.4, start, outputs, l2=1.5, factor=1.5)
    queries = problem.queries(X[:4] + 0.1, y[:4])
    expected = influence(reference, problem, weights, asked, queries)
    found = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False).values.numpy()
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


def test_splits_of_many_categories_have_more_l2() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"c": pd.Categorical(random.integers(0, 12, 600)), "x": random.normal(size=600)})
    effect = random.normal(size=12)
    y = effect[frame["c"].cat.codes.to_numpy()] + frame["x"].to_numpy() + 0.3 * random.normal(size=600)
    model = trained("regression", min_data_per_group=5, num_leaves=12).fit(frame, y)
    problem = wf.trees.read(model, frame, y)
    assert isinstance(Proof.of(problem).boosted[0].rule.l2, np.ndarray)
    batch = next(problem.batches(problem.queries(frame[:9], y[:9])))
    assert np.allclose(problem.outputs(batch.inputs).numpy(), model.predict(frame[:9]), atol=1e-9)


def test_bagging_without_a_frequency_does_nothing() -> None:
    model = trained("regression", subsample=0.5, subsample_freq=0).fit(X, TARGETS["regression"])
    wf.trees.read(model, X, TARGETS["regression"])


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"subsample": 0.5, "subsample_freq": 1}, "bagging_fraction=0.5"),
        ({"data_sample_strategy": "goss"}, "data_sample_strategy='goss'"),
        ({"boosting_type": "dart"}, "boosting='dart'"),
        ({"reg_alpha": 1.0}, "lambda_l1=1.0"),
        ({"path_smooth": 1.0}, "path_smooth=1.0"),
        ({"max_delta_step": 0.1}, "max_delta_step=0.1"),
        ({"linear_tree": True}, "linear_tree=1.0"),
        ({"use_quantized_grad": True}, "use_quantized_grad=1.0"),
        ({"monotone_constraints": [1, 0, 0, 0]}, "monotone_constraints"),
        ({"objective": "l1"}, "objective='regression_l1'"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_settings_without_a_replay_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = trained("regression", **settings).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match=f"{name}.*retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"scale_pos_weight": 2.0}, "scale_pos_weight"), ({"is_unbalance": True}, "is_unbalance"), ({"class_weight": "balanced"}, "class_w")],
)
def test_weights_of_classes_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = trained("binary", **settings).fit(X, TARGETS["binary"])
    with pytest.raises(wf.UsageError, match=f"{name}.*retrain with"):
        wf.trees.read(model, X, TARGETS["binary"])
