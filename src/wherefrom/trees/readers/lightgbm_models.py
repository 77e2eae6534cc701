"""LightGBM's estimators and boosters."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted, Rule, compact
from wherefrom.trees.forms import Estimator, Settings, Table
from wherefrom.trees.losses import LogisticLoss, Loss, SoftmaxLoss, SquaredLoss
from wherefrom.trees.readers.reader import Reader, check_settings, fitted, is_of, package, refuse
from wherefrom.trees.replay import proved, replay
from wherefrom.trees.starts import Constant, LogOddsStart, LogPriorStart, MeanStart, Start

TOLERANCE = 1e-6
LOSSES = ("regression", "binary", "multiclass")
CLASSES = "which stands beside the rows' own weights", "sample_weight in fit, given here as weights="
RULES = {
    "boosting": (("gbdt",), "whose trees are weighed, dropped or bagged", "boosting_type='gbdt'"),
    "data_sample_strategy": (("bagging",), "and which rows each tree saw is not kept", "data_sample_strategy='bagging' without bagging"),
    "lambda_l1": ((0.0,), "whose leaves are no Newton steps", "reg_alpha=0"),
    "max_delta_step": ((0.0,), "which cuts leaf values", "max_delta_step=0"),
    "path_smooth": ((0.0,), "which draws leaf values to those above", "path_smooth=0"),
    "monotone_constraints": (("",), "which moves leaf values away from Newton steps", "no monotone_constraints"),
    "linear_tree": ((0.0,), "whose leaves are linear models", "linear_tree=False"),
    "use_quantized_grad": ((0.0,), "which rounds gradients at random", "use_quantized_grad=False"),
    "scale_pos_weight": ((1.0,), *CLASSES),
    "is_unbalance": ((0.0,), *CLASSES),
    "sigmoid": ((1.0,), "whose raw outputs are not the log-odds", "sigmoid=1"),
    "reg_sqrt": ((0.0,), "which changes the targets", "reg_sqrt=False"),
    "pos_bagging_fraction": ((1.0,), "and which rows each tree saw is not kept", "pos_bagging_fraction=1"),
    "neg_bagging_fraction": ((1.0,), "and which rows each tree saw is not kept", "neg_bagging_fraction=1"),
    "objective": (LOSSES, "whose leaves are not followed", "objective 'regression', 'binary' or 'multiclass'"),
}  # fmt: skip


class LightGBMReader(Reader):
    """Gradients are float32. The first tree holds the start; leaves right under a split of many categories have ``cat_l2`` more."""

    def reads(self, model: Estimator) -> bool:
        return is_of(model, "lightgbm.LGBMModel", "lightgbm.Booster")

    def classes(self, model: Estimator) -> np.ndarray | None:
        booster = _booster(model)
        if hasattr(model, "classes_"):
            return np.asarray(model.classes_)
        settings = settings_of(booster)
        return np.arange(max(int(settings["num_class"]), 2)) if settings["objective"] in LOSSES[1:] else None

    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Boosted:
        booster = _booster(model)
        settings = settings_of(booster)
        check_settings(model, settings, RULES)
        if settings["bagging_fraction"] < 1 and settings["bagging_freq"] > 0:
            share = f"bagging_fraction={settings['bagging_fraction']}"
            raise refuse(model, share, "and which rows each tree saw is not kept", "subsample=1 or subsample_freq=0")
        if hasattr(model, "get_params") and model.get_params().get("class_weight") is not None:
            raise refuse(model, f"class_weight={model.class_weight!r}", *CLASSES)
        loss = _loss(settings)
        rounds = booster.best_iteration if booster.best_iteration > 0 else booster.current_iteration()
        dumped = booster.dump_model()
        shapes = dumped["tree_info"][: rounds * loss.outputs]
        sizes = np.array([shape["num_leaves"] for shape in shapes]).reshape(rounds, loss.outputs)
        values = np.concatenate([[booster.get_leaf_output(place, leaf) for leaf in range(shape["num_leaves"])] for place, shape in enumerate(shapes)])
        l2: float | np.ndarray = settings["lambda_l2"]
        if any(shape["num_cat"] for shape in shapes):
            counts = [len(dumped["feature_infos"].get(name, {"values": []})["values"]) for name in dumped["feature_names"]]
            l2 = np.concatenate([_ridges(shape, settings, counts) for shape in shapes])
        route = LeafRoute(booster, rounds, loss.outputs)
        rule = Rule(loss, np.full(rounds, settings["learning_rate"]), Constant((0.0,) * loss.outputs), l2, single=True)
        trees = Boosted("LightGBM", route(table), sizes, values, np.zeros(loss.outputs), rule, route, TOLERANCE)
        return _started(trees, y, weights)


def _started(trees: Boosted, y: np.ndarray, weights: np.ndarray) -> Boosted:
    """The same trees with the start taken out of the first: the one under which it is replayed, or none."""
    outputs, y, weights = trees.outputs, trees.rule.seen(y), trees.rule.seen(weights)
    kinds: tuple[Start, ...] = (MeanStart(),) if isinstance(trees.rule.loss, SquaredLoss) else (LogOddsStart(),)
    kinds = (LogPriorStart(outputs, False), LogPriorStart(outputs, True)) if outputs > 1 else kinds
    for start in kinds:
        first, values = start.value(y, weights), trees.values.copy()
        values[: trees.bounds[1]] -= np.repeat(first, trees.sizes[0])
        found = replace(trees, values=values, start=first, rule=replace(trees.rule, start=start))
        try:
            proved(found, replay(found, found.leaves, y, weights), values, first)
        except UsageError:
            continue
        return found
    return trees


def _ridges(shape: dict[str, Any], settings: Settings, categories: list[int]) -> np.ndarray:
    """The l2 of each leaf of a tree: more where the split above is one of many categories."""
    found = np.full(shape["num_leaves"], settings["lambda_l2"])

    def descend(node: dict[str, Any], more: bool) -> None:
        if "leaf_index" in node:
            found[node["leaf_index"]] += settings["cat_l2"] * more
            return
        many = node.get("decision_type") == "==" and categories[node["split_feature"]] > settings["max_cat_to_onehot"]
        for child in ("left_child", "right_child"):
            if child in node:
                descend(node[child], many)

    descend(shape["tree_structure"], False)
    return found


def _booster(model: Estimator) -> Any:
    package("lightgbm")
    if not hasattr(model, "booster_"):
        if hasattr(model, "get_params"):
            fitted(model, "booster_")
        return model
    return model.booster_


def settings_of(booster: Estimator) -> Settings:
    """Return the settings that a model keeps in its text, numbers as numbers; lists and the like as text."""
    text = booster.model_to_string()
    found: dict[str, Any] = dict(re.findall(r"^\[(\w+): ?(.*)\]$", text, re.MULTILINE))
    return {name: float(value) if re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", value) else value for name, value in found.items()}


def _loss(settings: Settings) -> Loss:
    if settings["objective"] == "regression":
        return SquaredLoss()
    if settings["objective"] == "binary":
        return LogisticLoss()
    classes = int(settings["num_class"])
    return SoftmaxLoss(classes, classes / (classes - 1))


@dataclass(frozen=True, eq=False)
class LeafRoute:
    """A table to leaves by ``pred_leaf``: (rows, rounds, outputs)."""

    booster: Estimator
    rounds: int
    outputs: int

    def __call__(self, table: Table) -> np.ndarray:
        found = np.asarray(self.booster.predict(table, pred_leaf=True, num_iteration=self.rounds))
        return compact(found.reshape(-1, self.rounds, self.outputs).astype(np.int64))
