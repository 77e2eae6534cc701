"""Tree problems from end to end: ids, weights, top, groups, subsets, bad input, and methods that are not for trees."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.boosting import tables
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

import wherefrom as wf
from wherefrom.trees.methods import table_method

X, TARGETS, WEIGHTS = tables()
Y = TARGETS["regression"]
NAMES = np.array([f"row {k}" for k in range(len(X))])


def problem(**settings: object) -> wf.trees.TreeProblem:
    return wf.trees.read(GradientBoostingRegressor(n_estimators=8, max_depth=3).fit(X, Y, WEIGHTS), X, Y, WEIGHTS, **settings)  # type: ignore[arg-type]


def test_attribute_takes_ids_top_and_groups() -> None:
    own = problem(ids=NAMES)
    queries = own.queries(X[:3], Y[:3], ids=["a", "b", "c"])
    whole = wf.attribute(wf.trees.LeafInfluence(), own, queries, progress=False)
    assert whole.train_ids.tolist() == NAMES.tolist() and whole.query_ids.tolist() == ["a", "b", "c"]
    top = wf.attribute(wf.trees.LeafInfluence(), own, queries, top=4, progress=False)
    assert (top.ids == whole.top(4).ids).all()
    some = wf.attribute(wf.trees.LeafInfluence(), own, queries, ids=NAMES[[50, 3]], progress=False)
    assert torch.equal(some.values, whole.values[:, [50, 3]])
    groups = wf.attribute(wf.trees.LeafInfluence(), own, queries, groups={"first": NAMES[:60], "rest": NAMES[60:]}, progress=False)
    assert torch.allclose(groups.values.sum(1), whole.values.sum(1))
    both = wf.attribute(wf.trees.LeafInfluence(), own, queries, aggregate=True, progress=False)
    assert torch.allclose(both.values[0], whole.values.sum(0))
    assert torch.allclose(wf.attribute(wf.trees.LeafInfluence(), own, wf.Examples.of((X[:3], Y[:3])), progress=False).values, whole.values)


def test_training_examples_may_be_queries() -> None:
    own = problem()
    table = wf.attribute(wf.trees.LeafInfluence(), own, own.train.select([4, 9]), progress=False)
    assert torch.allclose(table.values[[0, 1], [4, 9]], wf.self_influence(wf.trees.LeafInfluence(), own, ids=[4, 9], progress=False))
    assert wf.plan(wf.trees.LeafInfluence(), own, own.train.select([4])).passes == 0


def test_a_measurement_of_ones_own() -> None:
    own = problem(measurement=lambda outputs, targets: outputs, lower_is_better=False)
    found = wf.attribute(wf.trees.LeafInfluence(), own, (X[:2], Y[:2]), progress=False)
    assert found.unit == "measurement change"
    loss = wf.attribute(wf.trees.LeafInfluence(), problem(), (X[:2], Y[:2]), progress=False).values
    residual = torch.from_numpy(own.estimator.predict(X[:2]) - Y[:2])
    assert torch.allclose(loss, -2 * residual[:, None] * found.values)


def test_frames_and_classes_by_name() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    labels = np.array(["low", "high"])[TARGETS["binary"]]
    own = wf.trees.read(GradientBoostingClassifier(n_estimators=4).fit(frame, labels), frame, labels)
    assert "boosting, 4 trees" in own.describe()
    found = wf.attribute(wf.trees.LeafInfluence(), own, (frame[:2], labels[:2]), progress=False)
    assert found.values.shape == (2, len(X))
    with pytest.raises(wf.UsageError, match="'mid' is no class"):
        own.queries(frame[:1], ["mid"])
    with pytest.raises(wf.UsageError, match="1 targets for 2 rows"):
        own.queries(frame[:2], labels[:1])


def test_bad_input_is_one_sentence() -> None:
    model = GradientBoostingRegressor(n_estimators=3).fit(X, Y)
    for call, said in (
        (lambda: wf.trees.read(GradientBoostingRegressor(), X, Y), "not fitted"),
        (lambda: wf.trees.read(LinearRegression().fit(X, Y), X, Y), "none of the ensembles"),
        (lambda: wf.trees.read(make_pipeline(model), X, Y), "give its last step"),
        (lambda: wf.trees.read(model, X, Y[:-1]), "targets for"),
        (lambda: wf.trees.read(model, X, Y, weights=-np.ones(len(Y))), "weights must be"),
        (lambda: wf.trees.read(model, X, Y).examples([1, 2]), r"are \(X, y\)"),
    ):
        with pytest.raises(wf.UsageError, match=said):
            call()


def test_other_rows_than_those_of_the_fit_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="not those that these rows"):
        wf.attribute(wf.trees.LeafInfluence(), problem().without([3]), (X[:2], Y[:2]), progress=False)


def test_methods_by_gradient_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="use those of wf.trees"):
        wf.attribute(wf.GradientDot(), problem(), (X[:2], Y[:2]), progress=False)
    model = wf.Problem.of(torch.nn.Linear(4, 1).eval(), wf.squared_error(), (torch.randn(9, 4), torch.randn(9)))
    with pytest.raises(wf.UsageError, match="wf.trees.read"):
        wf.attribute(wf.trees.LeafInfluence(), model, (torch.randn(1, 4), torch.randn(1)), progress=False)


def test_scores_by_loss_and_by_neighbours_work_on_trees() -> None:
    own = wf.trees.read(GradientBoostingClassifier(n_estimators=4).fit(X, TARGETS["binary"]), X, TARGETS["binary"])
    queries = own.queries(X[:3], TARGETS["binary"][:3])
    losses = wf.attribute(wf.methods.LossScores(), own, queries, progress=False).values[0]
    said = own.estimator.predict_proba(X)[np.arange(len(X)), TARGETS["binary"]]
    assert np.allclose(losses.numpy(), -np.log(said))
    values = wf.knn_shapley(own, queries, features=wf.trees.leaf_features(own, queries), progress=False).values
    assert values.shape == (3, len(X))


def test_memory_that_scores_would_overrun_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_method, "TOGETHER", 2000)
    many = np.resize(np.arange(len(X)), 1200)
    with pytest.raises(wf.UsageError, match="ask fewer queries"):
        wf.attribute(wf.trees.LeafInfluence(), problem(memory=1 << 20), (X[many], Y[many]), progress=False)
