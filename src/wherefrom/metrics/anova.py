"""Two-way analysis of variance without replication, of targets by runs (McGraw & Wong 1996)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Squares:
    """Mean squares of R runs (rows) on n targets, any number of tables at once: between targets, between runs, and what is left."""

    targets: np.ndarray
    runs: np.ndarray
    rest: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, values: np.ndarray) -> "Squares":
        """From values (R, ..., n), R and n at least 2."""
        r, n = len(values), values.shape[-1]
        target, run, grand = values.mean(0), values.mean(-1), values.mean((0, -1))
        between_targets = r * np.square(target - grand[..., None]).sum(-1) / (n - 1)
        between_runs = n * np.square(run - grand).sum(0) / (r - 1)
        rest = np.square(values - target - run[..., None] + grand[..., None]).sum((0, -1)) / ((r - 1) * (n - 1))
        return cls(between_targets, between_runs, rest, (r, n))

    def consistency(self, runs: int) -> np.ndarray:
        """ICC(C, 1), or ICC(C, ·) of the mean of so many runs; NaN where nothing varies."""
        return self._over(self.targets + (self.shape[0] - 1) * self.rest, runs)

    def agreement(self, runs: int) -> np.ndarray:
        """ICC(A, 1), or ICC(A, ·) of the mean of so many runs; NaN where nothing varies."""
        r, n = self.shape
        return self._over(self.targets + (r - 1) * self.rest + r / n * (self.runs - self.rest), runs)

    def _over(self, total: np.ndarray, runs: int) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            one = (self.targets - self.rest) / total
            return runs * one / (1 + (runs - 1) * one)  # Spearman and Brown
