"""Trainers of trees: with subsets, removal curves and trust, refits against replays, and classes that are gone."""

import numpy as np
import pytest
import torch
from helpers.boosting import tables
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier

import wherefrom as wf

X, TARGETS, WEIGHTS = tables()
Y = TARGETS["regression"]
MODEL = GradientBoostingRegressor(n_estimators=6, max_depth=2, random_state=0)


def test_a_retrained_model_is_the_estimators_own() -> None:
    problem = wf.trees.read(MODEL.fit(X, Y, WEIGHTS), X, Y, WEIGHTS)
    outcomes = wf.retrain_without(problem, {"some": range(10)}, (X[:5], Y[:5]), wf.trees.retrain(), progress=False)
    again = GradientBoostingRegressor(n_estimators=6, max_depth=2, random_state=0).fit(X[10:], Y[10:], WEIGHTS[10:])
    assert np.allclose(outcomes.values[0, :, 0].numpy(), (again.predict(X[:5]) - Y[:5]) ** 2)
    assert np.allclose(outcomes.baseline[0].numpy(), (problem.estimator.predict(X[:5]) - Y[:5]) ** 2)


def test_refit_is_leaf_refit() -> None:
    problem = wf.trees.read(MODEL.fit(X, Y), X, Y)
    queries = problem.queries(X[:5], Y[:5])
    outcomes = wf.leave_one_out(problem, [3, 8], queries, wf.trees.refit(), progress=False)
    found = wf.attribute(wf.trees.LeafRefit(), problem, queries, ids=[3, 8], progress=False)
    assert torch.allclose(found.values, outcomes.change, atol=1e-12)
    own = wf.self_influence(wf.trees.LeafRefit(), problem, ids=[3], progress=False)
    assert torch.allclose(own, found.values[3, 0])


def test_the_derivative_predicts_refits_of_subsets() -> None:
    problem = wf.trees.read(MODEL.fit(X, Y), X, Y)
    queries = problem.queries(X[:8] + 0.1, Y[:8])
    outcomes = wf.retraining.subset_outcomes(problem, queries, wf.trees.refit(), subsets=20, fraction=0.95, progress=False)
    scores = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False)
    assert (wf.lds(scores, outcomes, progress=False).lds.value or 0) > 0.9


def test_subsets_removal_and_trust() -> None:
    y = TARGETS["binary"]
    problem = wf.trees.read(RandomForestClassifier(n_estimators=20, random_state=0).fit(X, y), X, y)
    queries = problem.queries(X[:6], y[:6])
    outcomes = wf.retraining.subset_outcomes(problem, queries, wf.trees.retrain(), subsets=4, progress=False)
    assert outcomes.values.shape == (1, 6, 4)
    ranking = wf.attribute(wf.trees.ForestKernel(), problem, queries, aggregate=True, progress=False)
    curve = wf.retraining.removal_curve(problem, {"kernel": ranking}, queries, wf.trees.retrain(), sizes=[5], seeds=[0], progress=False)
    assert "kernel" in curve.arms


@pytest.mark.parametrize("resampled", [False, True])
def test_trust_by_bootstrap_retrainings(resampled: bool) -> None:
    problem = wf.trees.read(MODEL.fit(X, Y), X, Y)
    noise, queries = wf.noise.Bootstrap(8, resampled=resampled), problem.queries(X[:2], Y[:2])
    found = wf.trust(wf.trees.LeafInfluence(), problem, queries, train=wf.trees.retrain(), noise=noise, k=5, progress=False)
    assert len(str(found)) > 0


def test_a_class_without_rows_is_refused() -> None:
    y = TARGETS["binary"]
    problem = wf.trees.read(GradientBoostingClassifier(n_estimators=3).fit(X, y), X, y)
    with pytest.raises((wf.UsageError, ValueError), match="class"):
        wf.retrain_without(problem, {"ones": np.flatnonzero(y == 1)}, (X[:2], y[:2]), wf.trees.retrain(), progress=False)
