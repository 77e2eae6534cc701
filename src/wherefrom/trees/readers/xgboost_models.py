"""XGBoost's estimators and boosters."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import logit

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted, Rule, compact
from wherefrom.trees.forms import Estimator, Settings, Table
from wherefrom.trees.losses import LogisticLoss, Loss, SoftmaxLoss, SquaredLoss
from wherefrom.trees.readers.reader import Reader, check_settings, fitted, is_of, local_leaves, package, refuse
from wherefrom.trees.replay import proved, replay
from wherefrom.trees.starts import Constant, LogOddsStart, LogPriorStart, MeanStart, Start, matching_start

TOLERANCE, SEEN = 1e-5, 1e-5
RULES = {
    "booster": (("gbtree",), "whose trees are weighed or linear", "booster='gbtree'"),
    "subsample": ((1.0,), "and which rows each tree saw is not kept", "subsample=1"),
    "alpha": ((0.0,), "whose leaves are no Newton steps", "reg_alpha=0"),
    "max_delta_step": ((0.0,), "which cuts leaf values", "max_delta_step=0"),
    "monotone_constraints": (("()", ""), "which moves leaf values away from Newton steps", "no monotone_constraints"),
    "num_parallel_tree": ((1.0,), "whose rounds are forests", "num_parallel_tree=1"),
    "scale_pos_weight": ((1.0,), "which stands beside the rows' own weights", "scale_pos_weight=1 and sample_weight in fit, given here as weights="),
    "process_type": (("default",), "which changes trees that were there", "process_type='default'"),
    "multi_strategy": (("one_output_per_tree",), "whose leaves hold vectors", "multi_strategy='one_output_per_tree'"),
    "objective": (
        ("reg:squarederror", "binary:logistic", "multi:softprob", "multi:softmax"), "whose leaves are not followed",
        "objective 'reg:squarederror', 'binary:logistic' or 'multi:softprob'",
    ),
}  # fmt: skip


class XGBoostReader(Reader):
    """Values are sums of float32 numbers. A booster that was saved forgets its rate and l2, so they are found from its leaves."""

    def reads(self, model: Estimator) -> bool:
        return is_of(model, "xgboost.XGBModel", "xgboost.Booster")

    def classes(self, model: Estimator) -> np.ndarray | None:
        if hasattr(model, "classes_"):
            return np.asarray(model.classes_)
        booster = _booster(model)
        kind = _settings(booster)
        if kind["objective"] == "reg:squarederror":
            return None
        return np.arange(max(int(kind["num_class"]), 2)) if kind["objective"].startswith(("binary", "multi")) else None

    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Boosted:
        booster = _booster(model)
        if is_of(model, "xgboost.XGBRFRegressor", "xgboost.XGBRFClassifier"):
            raise refuse(model, "subsampled trees side by side", "and which rows each tree saw is not kept", "XGBRegressor or XGBClassifier")
        settings = _settings(booster)
        check_settings(model, settings, RULES)
        trees = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
        loss = _loss(settings)
        rounds = _rounds(model, len(trees) // loss.outputs)
        known = [np.flatnonzero(np.array(tree["left_children"]) == -1) for tree in trees[: rounds * loss.outputs]]
        values = [np.array(tree["split_conditions"], np.float32)[own] for tree, own in zip(trees, known, strict=False)]
        route = BoosterRoute(booster, tuple(known), rounds, loss.outputs, getattr(model, "missing", np.nan))
        start, seen = _start(settings, loss, y, weights)
        rule = Rule(loss, np.full(rounds, settings["learning_rate"]), start, settings["lambda"], single=True)
        sizes = np.array([len(own) for own in known]).reshape(rounds, loss.outputs)
        flat = np.concatenate(values).astype(np.float64)
        plain = Boosted("XGBoost", route(table), sizes, flat, seen, rule, route, TOLERANCE)
        return _with_rates(plain, rule.seen(y), rule.seen(weights))


def _with_rates(trees: Boosted, y: np.ndarray, weights: np.ndarray) -> Boosted:
    """The same trees with the rate and l2 of the settings, or where the leaves differ, of the least squares of v l2 + G rate = -v H."""
    try:
        proved(trees, replay(trees, trees.leaves, y, weights), trees.values, trees.start)
        return trees
    except UsageError:
        columns, right, raw = [], [], np.tile(trees.start, (len(y), 1))
        for number in range(trees.rounds):
            slots, held = trees.slots(trees.leaves, number), trees.values[trees.bounds[number] : trees.bounds[number + 1]]
            g, h = trees.rule.loss.derivatives(y, raw)
            G, H = (np.bincount(slots.ravel(), (weights[:, None] * part).ravel(), len(held)) for part in (g, h))
            columns.append(np.stack([held, G], 1))
            right.append(-held * H)
            raw += held[slots]
        (l2, rate), *_ = np.linalg.lstsq(np.concatenate(columns), np.concatenate(right))
        l2, rate = float(f"{abs(l2):.4g}") if abs(l2) > 1e-3 else 0.0, float(f"{rate:.4g}")
        found = replace(trees, rule=replace(trees.rule, l2=l2, rates=np.full(trees.rounds, rate)))
    try:
        proved(found, replay(found, found.leaves, y, weights), found.values, found.start)
    except UsageError:
        return trees
    return found


def _booster(model: Estimator) -> Any:
    package("xgboost")
    if not hasattr(model, "get_booster"):
        return model
    fitted(model, "n_features_in_")
    return model.get_booster()


def _settings(booster: Estimator) -> Settings:
    """The settings that leaves depend on, numbers as numbers."""
    learner = json.loads(booster.save_config())["learner"]
    train = learner["gradient_booster"]
    found: dict[str, Any] = {"booster": train["name"]}
    if train["name"] == "gbtree":
        found |= {**train["tree_train_param"], **train["gbtree_model_param"], **train["gbtree_train_param"]}
    found |= {**learner["learner_train_param"], **learner["learner_model_param"]}
    found |= {"scale_pos_weight": "1", **learner["objective"].get("reg_loss_param", {}), "objective": learner["objective"]["name"]}
    return {name: _number(value) for name, value in found.items()}


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def _loss(settings: Settings) -> Loss:
    if settings["objective"] == "reg:squarederror":
        return SquaredLoss()
    return LogisticLoss() if settings["objective"] == "binary:logistic" else SoftmaxLoss(int(settings["num_class"]), 2.0)


def _rounds(model: Estimator, held: int) -> int:
    """After early stopping, the rounds up to the best, by which an estimator predicts."""
    try:
        return min(int(model.best_iteration) + 1, held)
    except AttributeError:
        return held


def _start(settings: Settings, loss: Loss, y: np.ndarray, weights: np.ndarray) -> tuple[Start, np.ndarray]:
    """The start and its value: a probability of two classes, else raw outputs."""
    given = settings["base_score"]
    numbers = np.atleast_1d(np.array(json.loads(given) if isinstance(given, str) else given, np.float64))
    seen = np.broadcast_to(logit(numbers) if isinstance(loss, LogisticLoss) else numbers, (loss.outputs,)).copy()
    if settings.get("boost_from_average") == 0:
        return Constant(tuple(seen.tolist())), seen
    kinds: tuple[Start, ...] = (LogPriorStart(loss.outputs, True),) if loss.outputs > 1 else (LogOddsStart(),)
    return matching_start((MeanStart(),) if isinstance(loss, SquaredLoss) else kinds, seen, y, weights, SEEN), seen


@dataclass(frozen=True, eq=False)
class BoosterRoute:
    """A table to leaves by ``pred_leaf``: (rows, rounds, outputs)."""

    booster: Estimator
    known: tuple[np.ndarray, ...]
    rounds: int
    outputs: int
    missing: float

    def __call__(self, table: Table) -> np.ndarray:
        matrix = package("xgboost").DMatrix(table, missing=self.missing, enable_categorical=True)
        nodes = self.booster.predict(matrix, pred_leaf=True, iteration_range=(0, self.rounds)).reshape(matrix.num_row(), -1).astype(np.int64)
        places = [local_leaves(nodes[:, place], own, f"tree {place}") for place, own in enumerate(self.known)]
        return compact(np.stack(places, 1).reshape(-1, self.rounds, self.outputs))
