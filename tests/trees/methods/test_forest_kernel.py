"""Methods of forests: kernels that give the prediction and the out-of-bag prediction, trees without a row, the jackknife, and the derivative."""

import numpy as np
import pytest
import torch
from helpers.boosting import tables
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor

import wherefrom as wf

X, TARGETS, WEIGHTS = tables()
Y, CLASSES = TARGETS["regression"], TARGETS["multiclass"]


def test_the_kernel_gives_the_prediction() -> None:
    model = RandomForestRegressor(n_estimators=25).fit(X, Y, WEIGHTS)
    problem = wf.trees.read(model, X, Y, WEIGHTS)
    found = wf.attribute(wf.trees.ForestKernel(), problem, (X[:9] + 0.1, Y[:9]), progress=False).values.numpy()
    assert np.allclose(found @ Y, model.predict(X[:9] + 0.1), atol=1e-12)
    trees = ExtraTreesRegressor(n_estimators=5, max_depth=3).fit(X, Y, WEIGHTS)
    found = wf.attribute(wf.trees.ForestKernel(), wf.trees.read(trees, X, Y, WEIGHTS), (X[:9], Y[:9]), progress=False).values.numpy()
    assert np.allclose(found @ Y, trees.predict(X[:9]), atol=1e-12)


def test_rf_gap_gives_the_out_of_bag_prediction() -> None:
    model = RandomForestClassifier(n_estimators=60, oob_score=True, random_state=0).fit(X, CLASSES)
    problem = wf.trees.read(model, X, CLASSES)
    found = wf.attribute(wf.trees.RFGAP(), problem, problem.train, progress=False).values.numpy()
    assert np.allclose(found @ np.eye(3)[CLASSES], model.oob_decision_function_, atol=1e-12)
    assert not found.diagonal().any() and not np.allclose(found, found.T)
    with pytest.raises(wf.UsageError, match="fit more trees"):
        few = wf.trees.read(RandomForestClassifier(n_estimators=2).fit(X, CLASSES), X, CLASSES)
        wf.attribute(wf.trees.RFGAP(), few, few.train, progress=False)


def test_trees_without_a_row_and_their_error() -> None:
    model = RandomForestRegressor(n_estimators=80, max_depth=4, random_state=0).fit(X, Y)
    problem = wf.trees.read(model, X, Y, measurement=lambda outputs, targets: outputs)
    found = wf.attribute(wf.trees.TreesWithout(), problem, (X[:3], Y[:3]), progress=False)
    said = np.stack([tree.predict(X[:3]) for tree in model.estimators_], 1)
    counts = np.stack([np.bincount(rows, minlength=len(X)) for rows in model.estimators_samples_], 1)
    out, inside = counts[11] == 0, counts[11] > 0
    assert np.allclose(found.values[:, 11].numpy(), said[:, out].mean(1) - said.mean(1))
    error = wf.trees.standard_errors(problem, (X[:3], Y[:3])).values[:, 11].numpy()
    expected = inside.mean() * np.sqrt(said[:, out].var(1, ddof=1) / out.sum() + said[:, inside].var(1, ddof=1) / inside.sum())
    assert np.allclose(error, expected)
    jackknife = wf.attribute(wf.trees.InfinitesimalJackknife(), problem, (X[:3], Y[:3]), progress=False).values[:, 11].numpy()
    assert np.allclose(jackknife, [-np.cov(counts[11], row, ddof=0)[0, 1] for row in said])


def test_the_derivative_of_a_forest_is_that_of_its_means() -> None:
    model = ExtraTreesRegressor(n_estimators=6, max_depth=3).fit(X, Y, WEIGHTS)
    problem = wf.trees.read(model, X, Y, WEIGHTS)
    queries = problem.queries(X[:3], Y[:3])
    found = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False).values
    batch = next(problem.batches(queries))
    for row in (2, 30):
        moved = []
        for sign in (1, -1):
            weights = torch.from_numpy(WEIGHTS.copy())
            weights[row] *= 1 + sign * 1e-5
            there = problem.at(wf.trees.refit()(problem.reweighted(weights)).parameters)
            moved.append(there.measurements(there.outputs(batch.inputs), batch))
        assert torch.allclose(found[:, row], -(moved[0] - moved[1]) / 2e-5, atol=1e-9)
    refit = wf.attribute(wf.trees.LeafRefit(), problem, queries, ids=[2], progress=False).values[:, 0]
    assert torch.allclose(refit, wf.leave_one_out(problem, [2], queries, wf.trees.refit(), progress=False).change[:, 0], atol=1e-12)


def test_what_a_forest_cannot_say_is_refused() -> None:
    grown = wf.trees.read(RandomForestClassifier(n_estimators=5).fit(X, CLASSES), X, CLASSES)
    with pytest.raises(wf.UsageError, match="holds one target alone"):
        wf.attribute(wf.trees.LeafInfluence(), grown, (X[:1], CLASSES[:1]), progress=False)
    plain = wf.trees.read(ExtraTreesRegressor(n_estimators=5).fit(X, Y), X, Y)
    with pytest.raises(wf.UsageError, match="bootstrap=False"):
        wf.attribute(wf.trees.TreesWithout(), plain, (X[:1], Y[:1]), progress=False)
    boosted = wf.trees.read(GradientBoostingRegressor(n_estimators=3).fit(X, Y), X, Y)
    with pytest.raises(wf.UsageError, match="the model is boosted"):
        wf.attribute(wf.trees.ForestKernel(), boosted, (X[:1], Y[:1]), progress=False)
    with pytest.raises(wf.UsageError, match="fit more trees"):
        few = wf.trees.read(RandomForestRegressor(n_estimators=2).fit(X, Y), X, Y)
        wf.attribute(wf.trees.TreesWithout(), few, (X[:1], Y[:1]), progress=False)
