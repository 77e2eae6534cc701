"""Replays and the way back: the same whatever is taken together, leaves without rows, and data that are not the model's."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.boosting import tables
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

import wherefrom as wf
from wherefrom.trees import reverse
from wherefrom.trees.proof import Proof
from wherefrom.trees.replay import replay

X, TARGETS, WEIGHTS = tables()


def test_other_data_are_refused_with_the_difference() -> None:
    y = TARGETS["regression"]
    model = GradientBoostingRegressor(n_estimators=3).fit(X, y)
    for table, targets, weights in ((X, y + 1e-6 * X[:, 0], None), (X, y, WEIGHTS), (X[::-1].copy(), y, None)):
        with pytest.raises(wf.UsageError, match="differ by .* of the largest.*train it again on these"):
            wf.trees.read(model, table, targets, weights)


def test_rows_of_weight_0_are_rows_left_out() -> None:
    y = TARGETS["regression"]
    problem = wf.trees.read(GradientBoostingRegressor(n_estimators=3, max_depth=2).fit(X, y), X, y)
    trees, _ = Proof.of(problem).boosted
    weights = np.ones(len(y))
    weights[:7] = 0
    there = replay(trees, trees.leaves, y, weights)
    gone = replay(trees, trees.leaves[7:], y[7:], weights[7:])
    assert np.allclose(there.values, gone.values, atol=1e-14) and np.allclose(there.start, gone.start)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
@pytest.mark.parametrize(("width", "together", "dense"), [(1, 1, 1 << 16), (3, 4, 0), (64, 1000, 0)])
def test_what_goes_together_changes_nothing(kind: str, width: int, together: int, dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y = TARGETS[kind]
    model = (GradientBoostingRegressor if kind == "regression" else GradientBoostingClassifier)(n_estimators=6, max_depth=4).fit(X, y)
    problem = wf.trees.read(model, X, y)
    before = wf.attribute(wf.trees.LeafInfluence(), problem, (X[:5], y[:5]), progress=False).values
    monkeypatch.setattr(reverse, "WIDTH", width)
    monkeypatch.setattr(reverse, "TOGETHER", together)
    monkeypatch.setattr(reverse, "DENSE", dense)
    after = wf.attribute(wf.trees.LeafInfluence(), problem, (X[:5], y[:5]), progress=False).values
    assert (before - after).abs().max() < 1e-13 * before.abs().max()


def test_a_flaw_is_told() -> None:
    y = TARGETS["regression"]
    problem = wf.trees.read(GradientBoostingRegressor(n_estimators=3).fit(X, y), X, y)
    origin = replace(problem.origin)
    origin.__dict__["structure"] = replace(problem.structure, flaw="it is flawed.")
    with pytest.raises(wf.UsageError, match="it is flawed"):
        Proof.of(replace(problem, origin=origin))
