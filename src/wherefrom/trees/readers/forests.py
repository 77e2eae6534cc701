"""scikit-learn's RandomForest and ExtraTrees."""

import numpy as np

from wherefrom.trees.forest import Forest
from wherefrom.trees.forms import Estimator, Table
from wherefrom.trees.readers.gradient_boosting import NodeRoute
from wherefrom.trees.readers.reader import Reader, check_settings, fitted, is_of

TOLERANCE = 1e-12
KINDS = tuple(f"sklearn.{kind}{task}" for kind in ("RandomForest", "ExtraTrees") for task in ("Classifier", "Regressor"))
MEANS = ("squared_error", "friedman_mse", "poisson", "gini", "entropy", "log_loss")
RULES = {
    "criterion": (MEANS, "whose leaves are no means", "criterion='squared_error'"),
    "monotonic_cst": ((None,), "which moves leaf values away from means", "monotonic_cst=None"),
    "class_weight": ((None,), "which stands beside the rows' own weights", "class_weight=None and sample_weight in fit, given here as weights="),
    "warm_start": ((False,), "so that its trees may have seen other data", "warm_start=False"),
}


class ForestReader(Reader):
    """A leaf is the mean target of the rows that its tree drew, each as often as it was drawn."""

    def reads(self, model: Estimator) -> bool:
        return is_of(model, *KINDS)

    def classes(self, model: Estimator) -> np.ndarray | None:
        fitted(model, "estimators_")
        return getattr(model, "classes_", None)

    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Forest:
        fitted(model, "estimators_")
        check_settings(model, model.get_params(), RULES)
        route = NodeRoute.of(model)
        nodes = route(table)
        leaves = nodes.reshape(len(nodes), -1, 1)
        classes = self.classes(model)
        n, trees = len(y), len(model.estimators_)
        counts = np.ones((n, trees), np.uint16)
        if model.bootstrap:
            drawn = model.estimators_samples_
            counts = np.stack([np.bincount(one, minlength=n) for one in drawn], 1).astype(np.uint16)
        values = np.concatenate([tree.tree_.value[known, 0, :].reshape(-1) for tree, known in zip(model.estimators_, route.known, strict=True)])
        sizes = np.array([[len(known)] for known in route.known])
        count = 0 if classes is None else len(classes)
        found = [
            Forest("scikit-learn", leaves, sizes, values, counts, count, weighted, bool(model.bootstrap), ForestRoute(route), TOLERANCE)
            for weighted in (False, True)
        ]
        # which of the two a version does, the values tell: up to 1.8 trees saw count × weight, from 1.9 on the weights draw and trees see counts
        return min(found, key=lambda one: _distance(one, y, weights)) if bool((weights != weights[0]).any()) else found[not model.bootstrap]


def _distance(forest: Forest, y: np.ndarray, weights: np.ndarray) -> float:
    shares = forest.shares(np.arange(len(y)), weights)
    if not (forest.totals(forest.leaves, shares) > 0).all():
        return np.inf
    return float(np.abs(forest.fitted_values(forest.leaves, shares, y) - forest.values).max())


class ForestRoute:
    """A table to leaves: (rows, trees, 1)."""

    def __init__(self, nodes: NodeRoute) -> None:
        """Keep the trees."""
        self.nodes = nodes

    def __call__(self, table: Table) -> np.ndarray:
        found = self.nodes(table)
        return found.reshape(len(found), -1, 1)
