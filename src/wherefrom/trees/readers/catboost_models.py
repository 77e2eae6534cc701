"""CatBoost's estimators."""

from dataclasses import dataclass

import numpy as np

from wherefrom.trees.boosted import Boosted, Rule, compact
from wherefrom.trees.forms import Estimator, Settings, Table
from wherefrom.trees.losses import FullSoftmaxLoss, LogisticLoss, Loss, SquaredLoss
from wherefrom.trees.readers.reader import Reader, check_settings, fitted, is_of, package, refuse
from wherefrom.trees.starts import Constant, LogOddsStart, MeanStart, Start, matching_start

TOLERANCE, SEEN = 1e-6, 1e-6
CLASSES = "which stands beside the rows' own weights", "sample_weight in fit, given here as weights="
RULES = {
    "loss_function": (("RMSE", "Logloss", "MultiClass"), "whose leaves are not followed", "loss_function 'RMSE', 'Logloss' or 'MultiClass'"),
    "leaf_estimation_method": (("Newton", "Gradient"), "whose leaves are no Newton steps", "leaf_estimation_method='Newton'"),
    "monotone_constraints": ((None,), "which moves leaf values away from Newton steps", "no monotone_constraints"),
    "model_shrink_rate": ((0.0,), "which shrinks the trees that are there in every round", "model_shrink_rate=0"),
    "langevin": ((None, False), "which adds noise", "langevin=False"),
    "posterior_sampling": ((None, False), "which adds noise", "posterior_sampling=False"),
    "class_weights": ((None,), *CLASSES),
    "scale_pos_weight": ((None, 1.0), *CLASSES),
    "auto_class_weights": ((None, "None"), *CLASSES),
    "task_type": (("CPU",), "whose arithmetic is another", "task_type='CPU'"),
}  # fmt: skip


class CatBoostReader(Reader):
    """l2 is times the mean weight, leaves may take several inner Newton steps, and of several classes solve for all of them at once."""

    seed = "random_seed"

    def reads(self, model: Estimator) -> bool:
        return is_of(model, "catboost.CatBoost")

    def classes(self, model: Estimator) -> np.ndarray | None:
        package("catboost")
        fitted(model, "tree_count_")
        return None if model.get_all_params()["loss_function"] not in ("Logloss", "MultiClass") else np.asarray(model.classes_)

    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Boosted:
        classes, settings = self.classes(model), model.get_all_params()
        check_settings(model, settings, RULES)
        if model.get_text_feature_indices() or model.get_embedding_feature_indices():
            raise refuse(model, "text or embedding features", "whose statistics depend on the order of rows", "numeric columns")
        loss = _loss(settings, classes)
        rounds, route = model.tree_count_, IndexRoute(model)
        sizes = np.asarray(model.get_tree_leaf_counts(), np.int64).reshape(rounds, 1)
        bias = model.get_scale_and_bias()[1]
        seen = np.atleast_1d(np.asarray(bias, np.float64))
        rate, l2, steps = (settings[name] for name in ("learning_rate", "l2_leaf_reg", "leaf_estimation_iterations"))
        rates = np.full(rounds, _shortest(rate))
        start = _start(loss, seen, y, weights)
        rule = Rule(loss, rates, start, _shortest(l2), int(steps), by_mean_weight=True, single=True)
        values = np.asarray(model.get_leaf_values())
        return Boosted("CatBoost", route(table), sizes, values, seen, rule, route, TOLERANCE, suspect=_suspect(model))


def _suspect(model: Estimator) -> str:
    """Name statistics of categories, which in training were taken of the rows before and afterwards of all, so that leaves differ."""
    if not model.get_cat_feature_indices():
        return ""
    return str(
        refuse(
            model, "cat_features", "whose ordered statistics put rows into other leaves in training than in prediction",
            "columns encoded before the fit, or one_hot_max_size above the number of categories",
        )
    )  # fmt: skip


def _loss(settings: Settings, classes: np.ndarray | None) -> Loss:
    newton = settings["leaf_estimation_method"] == "Newton"
    if classes is None:
        return SquaredLoss()
    return LogisticLoss(newton) if settings["loss_function"] == "Logloss" else FullSoftmaxLoss(len(classes), newton)


def _start(loss: Loss, seen: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Start:
    if not seen.any():
        return Constant(tuple(seen.tolist()))
    kinds: tuple[Start, ...] = (MeanStart(),) if isinstance(loss, SquaredLoss) else (LogOddsStart(),) if loss.outputs == 1 else ()
    return matching_start(kinds, seen, y, weights, SEEN)


def _shortest(number: float) -> float:
    """The decimal number that a float32 stands for."""
    return float(str(np.float32(number)))


@dataclass(frozen=True, eq=False)
class IndexRoute:
    """A table to leaves by ``calc_leaf_indexes``: (rows, rounds, 1)."""

    model: Estimator

    def __call__(self, table: Table) -> np.ndarray:
        found = self.model.calc_leaf_indexes(table).astype(np.int64)
        return compact(found[:, :, None])
