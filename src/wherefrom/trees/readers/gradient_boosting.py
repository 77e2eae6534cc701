"""scikit-learn's GradientBoostingClassifier and GradientBoostingRegressor."""

import warnings
from dataclasses import dataclass

import numpy as np

from wherefrom.trees.boosted import Boosted, Rule, compact
from wherefrom.trees.forms import Estimator, Table
from wherefrom.trees.losses import LogisticLoss, SoftmaxLoss, SquaredLoss
from wherefrom.trees.readers.reader import PAIRS, Reader, check_settings, fitted, is_of
from wherefrom.trees.starts import LogOddsStart, LogPriorStart, MeanStart, matching_start

TOLERANCE = 1e-12
RULES = {
    "loss": (("squared_error", "log_loss"), "whose leaves are no Newton steps", "loss='squared_error' or 'log_loss'"),
    "subsample": ((1.0,), "and which rows each tree saw is not kept", "subsample=1.0"),
    "init": ((None, "zero"), "whose own training is not followed", "init=None"),
    "n_iter_no_change": ((None,), "which holds rows out, and which is not kept", "n_iter_no_change=None and the n_estimators_ that it found"),
    "warm_start": ((False,), "so that its trees may have seen other data", "warm_start=False"),
}


class GradientBoostingReader(Reader):
    """Leaf values are Newton steps of float64 numbers, so the replay is theirs to the last digits."""

    def reads(self, model: Estimator) -> bool:
        return is_of(model, "sklearn.GradientBoostingClassifier", "sklearn.GradientBoostingRegressor")

    def classes(self, model: Estimator) -> np.ndarray | None:
        fitted(model, "estimators_")
        return getattr(model, "classes_", None)

    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Boosted:
        fitted(model, "estimators_")
        check_settings(model, model.get_params(), RULES)
        route = NodeRoute.of(model)
        leaves = route(table)
        rounds, outputs = model.estimators_.shape
        rate = model.learning_rate * ((outputs - 1) / outputs if outputs > 1 else 1)
        values = [model.learning_rate * tree.tree_.value[known, 0, 0] for tree, known in zip(model.estimators_.ravel(), route.known, strict=True)]
        sizes = np.array([len(known) for known in route.known]).reshape(rounds, outputs)
        classes = self.classes(model)
        loss = SquaredLoss() if classes is None else LogisticLoss() if len(classes) == PAIRS else SoftmaxLoss(outputs, 1.0)
        starts = (MeanStart(),) if classes is None else (LogOddsStart(),) if outputs == 1 else _priors(outputs)
        flat = np.concatenate(values)
        unstarted = Boosted("scikit-learn", leaves, sizes, flat, np.zeros(outputs), Rule(loss, np.full(rounds, rate), starts[0]), route, TOLERANCE)
        said = model.predict(table) if classes is None else model.decision_function(table)
        seen = (said.reshape(len(y), outputs) - unstarted.predict(leaves, flat, np.zeros(outputs))).mean(0)
        start = matching_start(starts, seen, y, weights, TOLERANCE * 100)
        seen = seen if model.init != "zero" else np.zeros(outputs)
        rule = Rule(loss, np.full(rounds, rate), start)
        exact = start.value(y, weights)
        return Boosted("scikit-learn", leaves, sizes, flat, exact if np.allclose(exact, seen) else seen, rule, route, TOLERANCE)


def _priors(outputs: int) -> tuple[LogPriorStart, LogPriorStart]:
    return LogPriorStart(outputs, True), LogPriorStart(outputs, False)


@dataclass(frozen=True, eq=False)
class NodeRoute:
    """A table to leaves by ``apply``: (rows, rounds, outputs); ``known`` holds the leaf nodes of each tree, sorted."""

    model: Estimator
    known: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, model: Estimator) -> "NodeRoute":
        """The leaves are the nodes without children."""
        return cls(model, tuple(np.flatnonzero(tree.tree_.children_left == -1) for tree in np.asarray(model.estimators_).ravel()))

    def __call__(self, table: Table) -> np.ndarray:
        with warnings.catch_warnings():  # the trees of one fitted on a frame had an array, and warn of it
            warnings.filterwarnings("ignore", "X has feature names", UserWarning)
            nodes = self.model.apply(table).astype(np.int64)
        nodes = nodes.reshape(len(nodes), -1, nodes.shape[2] if nodes.ndim == 3 else 1)
        flat = nodes.reshape(len(nodes), -1)
        places = np.stack([np.searchsorted(known, flat[:, place]) for place, known in enumerate(self.known)], 1)
        return compact(places.reshape(nodes.shape))
