"""Where boosting starts: a number of the targets and weights for each raw output, and its derivative in each weight."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import logit


class Start(ABC):
    """The raw outputs before the first tree."""

    @abstractmethod
    def value(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the start (K,)."""

    @abstractmethod
    def slopes(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return ∂start/∂wᵢ (n, K)."""


@dataclass(frozen=True)
class Constant(Start):
    """A start that somebody has set."""

    given: tuple[float, ...]

    def value(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.array(self.given)

    def slopes(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.zeros((len(y), len(self.given)))


@dataclass(frozen=True)
class MeanStart(Start):
    """The weighted mean of the targets."""

    def value(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.array([weights @ y / weights.sum()])

    def slopes(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        total = weights.sum()
        return ((y - weights @ y / total) / total)[:, None]


@dataclass(frozen=True)
class LogOddsStart(Start):
    """The logit of the weighted share of class 1."""

    def value(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return logit(MeanStart().value(y, weights))

    def slopes(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        share = MeanStart().value(y, weights)
        return MeanStart().slopes(y, weights) / (share * (1 - share))


@dataclass(frozen=True)
class LogPriorStart(Start):
    """The log of each class's weighted share; ``centred``: less the mean of these logs over classes."""

    classes: int
    centred: bool

    def value(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        logs = np.log(self._shares(y, weights))
        return logs - logs.mean() if self.centred else logs

    def slopes(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        own = np.eye(self.classes)[y.astype(np.int64)]
        found = (own / self._shares(y, weights) - 1) / weights.sum()
        return found - found.mean(1, keepdims=True) if self.centred else found

    def _shares(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return np.bincount(y.astype(np.int64), weights, self.classes) / weights.sum()


def matching_start(candidates: tuple[Start, ...], seen: np.ndarray, y: np.ndarray, weights: np.ndarray, tolerance: float) -> Start:
    """Return the first candidate that gives the start that was seen (K,), or else the constant that was seen."""
    scale = 1 + np.abs(seen).max()
    for candidate in candidates:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = candidate.value(y, weights)
        if np.abs(value - seen).max() <= tolerance * scale:
            return candidate
    return Constant(tuple(seen.tolist()))
