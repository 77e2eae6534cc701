"""scikit-learn's HistGradientBoosting, which names no leaves: the differences of its staged predictions do.

Rows of one leaf gain the same number in a round. Two leaves of a tree may have the very same value, pure ones of unweighted classes above all; such a
model is refused, since its replay would be right and the derivative of those leaves wrong.
"""

from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted, Rule, compact
from wherefrom.trees.forms import Estimator, Table
from wherefrom.trees.losses import LogisticLoss, SoftmaxLoss, SquaredLoss
from wherefrom.trees.readers.reader import PAIRS, Reader, check_settings, fitted, is_of, refuse
from wherefrom.trees.starts import LogOddsStart, LogPriorStart, MeanStart, Start

TOLERANCE = 1e-6
ROUNDING = 64  # units in the last place of the largest prediction, within which two differences are one
RULES = {
    "loss": (("squared_error", "log_loss"), "whose leaves are no Newton steps", "loss='squared_error' or 'log_loss'"),
    "monotonic_cst": ((None,), "which moves leaf values away from Newton steps", "monotonic_cst=None"),
    "class_weight": ((None,), "which stands beside the rows' own weights", "class_weight=None and sample_weight in fit, given here as weights="),
    "warm_start": ((False,), "so that its trees may have seen other data", "warm_start=False"),
}


class HistGradientBoostingReader(Reader):
    """Gradients are float32 and leaf values float64, so the replay is theirs to about 1e-8."""

    def reads(self, model: Estimator) -> bool:
        return is_of(model, "sklearn.HistGradientBoostingClassifier", "sklearn.HistGradientBoostingRegressor")

    def classes(self, model: Estimator) -> np.ndarray | None:
        fitted(model, "n_iter_")
        return getattr(model, "classes_", None)

    def structure(self, model: Estimator, table: Table, y: np.ndarray, weights: np.ndarray) -> Boosted:
        classes = self.classes(model)
        check_settings(model, model.get_params(), RULES)
        if model.do_early_stopping_:
            raise refuse(
                model, f"early_stopping={model.early_stopping!r}, which held rows out", "and which is not kept",
                f"early_stopping=False and max_iter={model.n_iter_}, which it found",
            )  # fmt: skip
        outputs, start = 1, _start(classes)
        if classes is not None and len(classes) > PAIRS:
            outputs = len(classes)
        first = start.value(y, weights)
        gains = gains_of(model, table, first, outputs)
        room = ROUNDING * np.finfo(float).eps * float(np.abs(first + gains.sum(1)).max() + np.abs(gains).max())
        route = GainRoute(model, first, tuple(_distinct(gains[:, t, k], room) for t in range(gains.shape[1]) for k in range(outputs)), room)
        leaves = route.places(gains)
        loss = SquaredLoss() if classes is None else LogisticLoss() if outputs == 1 else SoftmaxLoss(outputs, 1.0)
        sizes = np.array([len(known) for known in route.known]).reshape(-1, outputs)
        rule = Rule(loss, np.full(len(sizes), float(model.learning_rate)), start, float(model.l2_regularization))
        return Boosted("scikit-learn", leaves, sizes, np.concatenate(route.known), first, rule, route, TOLERANCE, _flaw(model, sizes))


def _start(classes: np.ndarray | None) -> Start:
    if classes is None:
        return MeanStart()
    return LogOddsStart() if len(classes) == PAIRS else LogPriorStart(len(classes), True)


def gains_of(model: Estimator, table: Table, start: np.ndarray, outputs: int) -> np.ndarray:
    """Return what each round adds to each row's raw outputs (rows, rounds, K)."""
    said = model.staged_decision_function(table) if hasattr(model, "staged_decision_function") else model.staged_predict(table)
    stages = np.stack([np.asarray(stage).reshape(-1, outputs) for stage in said], 1)
    return np.diff(stages, axis=1, prepend=np.broadcast_to(start, (len(stages), 1, outputs)))


def _distinct(gains: np.ndarray, room: float) -> np.ndarray:
    """Return the numbers of a tree's leaves, sorted: the middle of each run of gains that differ by rounding alone."""
    ordered = np.sort(gains)
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) > room) + 1)
    return np.array([(part[0] + part[-1]) / 2 for part in parts])


@dataclass(frozen=True, eq=False)
class GainRoute:
    """A table to leaves by what each round adds; ``known`` holds the values of each tree's leaves, sorted."""

    model: Estimator
    start: np.ndarray
    known: tuple[np.ndarray, ...]
    room: float

    def __call__(self, table: Table) -> np.ndarray:
        return self.places(gains_of(self.model, table, self.start, len(self.start)))

    def places(self, gains: np.ndarray) -> np.ndarray:
        """Return the nearest leaf of each gain. Raises :class:`UsageError` for one that is no leaf's."""
        flat = gains.reshape(len(gains), -1)
        found = np.empty(flat.shape, np.int64)
        for place, known in enumerate(self.known):
            at = np.searchsorted(known, flat[:, place]).clip(1, max(len(known) - 1, 1))
            low = known[at - 1]
            high = known[np.minimum(at, len(known) - 1)]
            nearer = np.abs(flat[:, place] - low) <= np.abs(flat[:, place] - high)
            found[:, place] = np.where(nearer, at - 1, np.minimum(at, len(known) - 1))
            if np.abs(known[found[:, place]] - flat[:, place]).max() > 8 * self.room:
                raise UsageError("A row falls in a leaf that no training row has; give the very table of the model's training.")
        return compact(found.reshape(gains.shape))


def _flaw(model: Estimator, sizes: np.ndarray) -> str:
    """Say of which trees two leaves have one value, as many gains then as leaves less one; "" of none.

    Nothing public counts the leaves. This look at the model's own nodes takes nothing from them but that number.
    """
    own = [[int(tree.nodes["is_leaf"].sum()) for tree in trees] for trees in getattr(model, "_predictors", [])]
    if own == sizes.tolist():
        return ""
    return str(
        refuse(
            model, "alike sample weights", "and two leaves of a tree have the same value, by which alone they can be told apart",
            "sample_weight that differ a little, such as numpy.random.default_rng(0).uniform(0.999, 1.001, n), given here as weights=",
        )
    )  # fmt: skip
