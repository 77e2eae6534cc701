"""XGBoost: every leaf replayed, the exact derivative, rate and l2 found again after a save, and settings refused by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.boosting import Reference, influence, log_odds, log_priors, mean, tables

import wherefrom as wf
from wherefrom.trees.proof import Proof

xgb = pytest.importorskip("xgboost", reason="needs the extra trees: pip install wherefrom[trees]")
X, TARGETS, WEIGHTS = tables()
SETTINGS: dict[str, Any] = {"n_estimators": 5, "max_depth": 2, "learning_rate": 0.4, "reg_lambda": 1.5}


def trained(kind: str, **settings: Any) -> Any:
    return (xgb.XGBRegressor if kind == "regression" else xgb.XGBClassifier)(**{**SETTINGS, **settings})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", TARGETS)
def test_the_derivative_is_that_of_autograd(kind: str, weighted: bool) -> None:
    y, weights = TARGETS[kind], WEIGHTS.astype(np.float32).astype(float) if weighted else np.ones(len(X))
    model = trained(kind).fit(X, y, sample_weight=weights)
    problem = wf.trees.read(model, X, y, weights)
    assert Proof.of(problem).difference < 1e-5
    outputs = 3 if kind == "multiclass" else 1
    loss, start = {"regression": ("squared", mean), "binary": ("logistic", log_odds), "multiclass": ("softmax", log_priors(3, True))}[kind]
    nodes = model.apply(X).reshape(len(X), -1, outputs).astype(int)
    rate = float(np.float32(0.4)) if Proof.of(problem).boosted[0].rule.rates[0] != 0.4 else 0.4
    reference = Reference(nodes, y.astype(np.float32).astype(float), loss, rate, start, outputs, l2=1.5, factor=2.0)
    queries = problem.queries(X[:4] + 0.1, y[:4])
    asked = model.apply(X[:4] + 0.1).reshape(4, -1, outputs).astype(int)
    expected = influence(reference, problem, weights, asked, queries)
    found = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False).values.numpy()
    # queries are asked about at what the replay says, the library's values are float32 sums
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 1 - 1e-9


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_a_saved_model_is_read_again(kind: str, tmp_path: Path) -> None:
    y = TARGETS[kind]
    model = trained(kind).fit(X, y)
    model.save_model(tmp_path / "model.json")
    booster = xgb.Booster(model_file=tmp_path / "model.json")
    problem = wf.trees.read(booster, X, y)
    trees, _ = Proof.of(problem).boosted
    assert trees.rule.l2 == pytest.approx(1.5, abs=1e-3) and trees.rule.rates[0] == pytest.approx(0.4, abs=1e-4)
    queries = (X[:3], y[:3])
    own = wf.attribute(wf.trees.LeafInfluence(), wf.trees.read(model, X, y), queries, progress=False).values
    again = wf.attribute(wf.trees.LeafInfluence(), problem, queries, progress=False).values
    assert (own - again).abs().max() < 1e-4 * own.abs().max()


def test_early_stopping_reads_the_best_rounds() -> None:
    y = TARGETS["regression"]
    random = np.random.default_rng(5)
    model = trained("regression", n_estimators=200, early_stopping_rounds=3).fit(
        X, y, eval_set=[(random.normal(size=(60, 4)), y[:60])], verbose=False
    )
    problem = wf.trees.read(model, X, y)
    assert problem.structure.leaves.shape[1] == model.best_iteration + 1 < 200
    batch = next(problem.batches(problem.queries(X, y)))
    assert np.allclose(problem.outputs(batch.inputs).numpy(), model.predict(X), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"subsample": 0.5}, "subsample=0.5"),
        ({"reg_alpha": 1.0}, "alpha=1.0"),
        ({"max_delta_step": 1}, "max_delta_step=1.0"),
        ({"monotone_constraints": (1, 0, 0, 0)}, "monotone_constraints"),
        ({"num_parallel_tree": 2}, "num_parallel_tree=2.0"),
        ({"booster": "dart"}, "booster='dart'"),
        ({"booster": "gblinear"}, "booster='gblinear'"),
        ({"objective": "reg:absoluteerror"}, "objective='reg:absoluteerror'"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_settings_without_a_replay_are_refused_by_name(settings: dict[str, Any], name: str) -> None:
    model = trained("regression", **settings).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match=f"{name}.*retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])


def test_scale_pos_weight_is_refused_by_name() -> None:
    model = trained("binary", scale_pos_weight=2).fit(X, TARGETS["binary"])
    with pytest.raises(wf.UsageError, match=r"scale_pos_weight=2\.0.*retrain with"):
        wf.trees.read(model, X, TARGETS["binary"])


def test_random_forests_of_xgboost_are_refused() -> None:
    model = xgb.XGBRFRegressor(n_estimators=4).fit(X, TARGETS["regression"])
    with pytest.raises(wf.UsageError, match="retrain with"):
        wf.trees.read(model, X, TARGETS["regression"])


def test_targets_whose_float32_margins_lose_their_digits_are_refused() -> None:
    y = TARGETS["regression"] + 1e6
    with pytest.raises(wf.UsageError, match="leaf values of this XGBoost model"):
        wf.trees.read(trained("regression").fit(X, y), X, y)


def test_missing_values_are_routed_as_the_library_does() -> None:
    table = X.copy()
    table[::5, 0] = np.nan
    model = trained("regression").fit(table, TARGETS["regression"])
    problem = wf.trees.read(model, table, TARGETS["regression"])
    batch = next(problem.batches(problem.queries(table[:9], TARGETS["regression"][:9])))
    assert np.allclose(problem.outputs(batch.inputs).numpy(), model.predict(table[:9]), atol=1e-5)
