"""scikit-learn's forests: every leaf a mean of what its tree drew."""

from typing import Any

import numpy as np
import pytest
from helpers.boosting import tables
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

import wherefrom as wf
from wherefrom.trees.proof import Proof

X, TARGETS, WEIGHTS = tables()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("bootstrap", [False, True])
@pytest.mark.parametrize("trees", [RandomForestRegressor, ExtraTreesRegressor])
def test_every_leaf_is_replayed(kind: str, weighted: bool, bootstrap: bool, trees: Any) -> None:
    y, weights = TARGETS[kind], WEIGHTS if weighted else None
    if kind != "regression":
        trees = {RandomForestRegressor: RandomForestClassifier, ExtraTreesRegressor: ExtraTreesClassifier}[trees]
    model = trees(n_estimators=8, bootstrap=bootstrap, random_state=0).fit(X, y, weights)
    problem = wf.trees.read(model, X, y, weights)
    assert Proof.of(problem).difference < 1e-12
    batch = next(problem.batches(problem.queries(X[:9], y[:9])))
    said = model.predict(X[:9]) if kind == "regression" else model.predict_proba(X[:9])
    assert np.allclose(problem.outputs(batch.inputs).numpy(), said, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"criterion": "absolute_error"}, "criterion='absolute_error'"),
        ({"monotonic_cst": [1, 0, 0, 0]}, "monotonic_cst"),
        ({"warm_start": True}, "warm"),
    ],
)
def test_settings_without_a_replay_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = RandomForestRegressor(n_estimators=3, **settings).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match=f"{name}.*retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])
