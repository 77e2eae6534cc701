"""Predicted against true effects of leaving examples out: not correlation alone, which cannot see a wrong scale or offset."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from whence.errors import UsageError
from whence.estimate import Estimate, undefined
from whence.scores import Scores, positions_of
from whence.truth import Outcomes

RESAMPLES = 1000
FEW = 10  # groups below which an interval says little
LEVEL = 0.95

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class LooCorrelation:
    """Five views of predicted (y) against actual (x) changes; ``slope`` and ``intercept`` are of y on x, 1 and 0 at best."""

    pearson: Estimate
    spearman: Estimate
    slope: Estimate
    intercept: Estimate
    sign: Estimate

    def estimates(self) -> tuple[Estimate, ...]:
        """All five."""
        return (self.pearson, self.spearman, self.slope, self.intercept, self.sign)

    def __str__(self) -> str:
        return "\n".join(map(str, self.estimates()))


def loo_correlation(scores: Scores, truth: Outcomes, *, queries: object = None, seed: int = 0) -> LooCorrelation:
    """Pearson, Spearman, slope, intercept and sign agreement over all (query, group) pairs, or those of some ``queries``.

    A group's prediction is the sum of its ids' scores. Intervals (95 %) are percentiles over 1,000 resamplings of the m
    groups, each taken with all its queries, so ``n`` = m. Sign agreement counts pairs whose true change is not 0. Scores of
    ``unit="arbitrary"`` have no slope and no intercept.
    """
    ranked_only = scores.unit == "arbitrary"
    if not ranked_only and scores.unit != truth.unit:
        raise UsageError(f"Scores predict a {scores.unit} and the outcomes show a {truth.unit}; retrain with the same measurement.")
    asked = truth.query_ids if queries is None else np.atleast_1d(np.asarray(queries))
    rows = positions_of(asked, scores.query_ids, "scored query")
    predicted = torch.stack([scores.select(ids)[rows].sum(1) for ids in truth.groups.values()], 1).double().numpy()
    actual = truth.change[torch.from_numpy(positions_of(asked, truth.query_ids, "retrained query"))].double().numpy()
    picks = np.random.default_rng(seed).integers(0, actual.shape[1], (RESAMPLES, actual.shape[1]))
    scaleless = f"the scores' unit is {scores.unit}, so their scale means nothing"
    return LooCorrelation(
        _estimate("pearson", _pearson, actual, predicted, picks, chance=0.0),
        _estimate("spearman", _spearman, actual, predicted, picks, chance=0.0),
        undefined("slope", scaleless) if ranked_only else _estimate("slope", _slope, actual, predicted, picks, chance=0.0),
        undefined("intercept", scaleless) if ranked_only else _estimate("intercept", _intercept, actual, predicted, picks),
        _estimate("sign agreement", _sign, actual, predicted, picks, chance=0.5),
    )


def _estimate(name: str, statistic: Statistic, actual: np.ndarray, predicted: np.ndarray, picks: np.ndarray, chance: float | None = None) -> Estimate:
    m = actual.shape[1]
    if m < 3:
        return undefined(name, f"{m} groups are too few; retrain without at least 3", m)
    if np.ptp(actual) == 0 or np.ptp(predicted) == 0:
        return undefined(name, f"every {'true' if np.ptp(actual) == 0 else 'predicted'} change is the same", m)
    value = float(statistic(actual.reshape(1, -1), predicted.reshape(1, -1))[0])
    drawn = np.concatenate([_resampled(statistic, actual, predicted, part) for part in np.array_split(picks, 20)])
    drawn = drawn[np.isfinite(drawn)]  # a resample that drew one group alone has no correlation
    low, high = (float(edge) for edge in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])) if len(drawn) else (None, None)
    if m < FEW:
        return Estimate(
            name, value, low, high, LEVEL, m, chance, status="underpowered", reason=f"{m} groups give a rough interval; retrain without 10 or more"
        )
    return Estimate(name, value, low, high, LEVEL, m, chance)


def _resampled(statistic: Statistic, actual: np.ndarray, predicted: np.ndarray, picks: np.ndarray) -> np.ndarray:
    x, y = (table[:, picks].transpose(1, 0, 2).reshape(len(picks), -1) for table in (actual, predicted))
    with np.errstate(invalid="ignore", divide="ignore"):
        return statistic(x, y)


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(1, keepdims=True)


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = _centred(x), _centred(y)
    return (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))


def _spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _pearson(rankdata(x, axis=1), rankdata(y, axis=1))


def _slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x = _centred(x)
    return (x * y).sum(1) / (x * x).sum(1)


def _intercept(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y.mean(1) - _slope(x, y) * x.mean(1)


def _sign(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    moved = x != 0
    return ((np.sign(x) == np.sign(y)) & moved).sum(1) / moved.sum(1)
