"""How well a ranking finds marked examples, with ties in groups: ROC AUC, average precision, recall; for any multiplicities of the examples."""

import numpy as np


class Detection:
    """One ranking (n,) of examples of which some are marked, sorted once; the highest value comes first."""

    def __init__(self, values: np.ndarray, marked: np.ndarray) -> None:
        self.order = (-values).argsort(kind="stable")
        ranked = values[self.order]
        self.starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        self.marked = marked[self.order]

    def auc(self, times: np.ndarray) -> float:
        """The chance that a marked example ranks above one that is not, ties counting half."""
        hits, rest = self._groups(times)
        return float(hits @ (rest.sum() - rest.cumsum() + rest / 2) / (hits.sum() * rest.sum()))

    def average_precision(self, times: np.ndarray) -> float:
        """Σ (rise in recall) · precision over the distinct values, as scikit-learn has it: the order within a tie plays no part."""
        hits, rest = self._groups(times)
        found = hits.cumsum()
        return float(hits @ (found / np.maximum(found + rest.cumsum(), 1)) / hits.sum())

    def recall(self, times: np.ndarray, first: int) -> float:
        """The share of the marked among the ``first`` examples, equal values in the order of the data."""
        times = times[self.order]
        taken = np.clip(first - (times.cumsum() - times), 0, times)
        return float(taken[self.marked].sum() / times[self.marked].sum())

    def tied_at(self, first: int) -> bool:
        """Whether the value of rank ``first`` is that of the next rank too, so that position decides which is taken."""
        return first < len(self.order) and first not in self.starts

    def _groups(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many marked and unmarked examples each distinct value has, from the highest down."""
        times = times[self.order]
        hits = np.where(self.marked, times, 0)
        return np.add.reduceat(hits, self.starts), np.add.reduceat(times - hits, self.starts)


def average_precision_chance(marked: int, n: int) -> float:
    """The mean average precision of a random order: Hₙ/n + (m - 1)(n - Hₙ) / (n(n - 1)), which tends to m/n."""
    if n == 1:
        return 1.0
    harmonic = float((1 / np.arange(1, n + 1)).sum())
    return harmonic / n + (marked - 1) * (n - harmonic) / (n * (n - 1))
