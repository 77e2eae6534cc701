"""Predicted against true effects of leaving examples out: not correlation alone, which cannot see a wrong scale or offset."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wherefrom.estimate import Estimate, undefined
from wherefrom.metrics.anova import Squares
from wherefrom.metrics.bootstrap import LEVEL, RESAMPLES, percentiles
from wherefrom.metrics.groups import asked, group_sums, worsening
from wherefrom.metrics.ranks import pearson_rows, spearman_rows
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores
from wherefrom.types import Id, Ids

FEW = 10  # groups below which an interval says little

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


def loo_correlation(scores: Scores, truth: Outcomes, *, queries: Ids | Id | None = None, seed: int = 0) -> LooCorrelation:
    """Pearson, Spearman, slope, intercept and sign agreement over all (query, group) pairs, or those of some ``queries``.

    Groups of one id are leave-one-out, others leave-group-out: a group's prediction is the sum of its ids' scores. Intervals (95 %) are
    percentiles over 1,000 resamplings of the m groups, each taken with all its queries, so ``n`` = m. Outcomes of R ≥ 2 seeds are averaged
    and give the ceiling of the correlations, √ICC(C, R): what a perfect prediction would reach. Sign agreement counts pairs whose true change
    is not 0. Scores of ``unit="arbitrary"`` have no slope and no intercept.
    """
    ids = asked(scores, truth, queries)
    predicted, each = group_sums(scores, truth.groups, ids), worsening(truth, ids)
    actual, ceiling, ranked_only = each.mean(0), _ceiling(each), scores.unit == "arbitrary"
    picks = np.random.default_rng(seed).integers(0, actual.shape[1], (RESAMPLES, actual.shape[1]))
    scaleless = f"the scores' unit is {scores.unit}, so their scale means nothing"
    return LooCorrelation(
        _estimate("pearson", pearson_rows, actual, predicted, picks, 0.0, ceiling),
        _estimate("spearman", spearman_rows, actual, predicted, picks, 0.0, ceiling),
        undefined("slope", scaleless) if ranked_only else _estimate("slope", _slope, actual, predicted, picks, chance=0.0),
        undefined("intercept", scaleless) if ranked_only else _estimate("intercept", _intercept, actual, predicted, picks),
        _estimate("sign agreement", _sign, actual, predicted, picks, chance=0.5),
    )


def _estimate(
    name: str, statistic: Statistic, actual: np.ndarray, predicted: np.ndarray, picks: np.ndarray, chance: float | None = None,
    ceiling: float | None = None,
) -> Estimate:  # fmt: skip
    m = actual.shape[1]
    if m < 3:
        return undefined(name, f"{m} groups are too few; retrain without at least 3", m)
    if np.ptp(actual) == 0 or np.ptp(predicted) == 0:
        return undefined(name, f"every {'true' if np.ptp(actual) == 0 else 'predicted'} change is the same", m)
    value = float(statistic(actual.reshape(1, -1), predicted.reshape(1, -1))[0])
    low, high = percentiles(np.concatenate([_resampled(statistic, actual, predicted, part) for part in np.array_split(picks, 20)]))
    reason = f"{m} groups give a rough interval; retrain without {FEW} or more" if m < FEW else ""
    return Estimate(name, value, low, high, LEVEL, m, chance, ceiling, "underpowered" if reason else "ok", reason)


def _ceiling(each: np.ndarray) -> float | None:
    if len(each) < 2 or each[0].size < 2:
        return None
    reliability = Squares.of(each.reshape(len(each), -1)).consistency(len(each))
    return float(np.sqrt(np.clip(np.nan_to_num(reliability), 0, 1)))


def _resampled(statistic: Statistic, actual: np.ndarray, predicted: np.ndarray, picks: np.ndarray) -> np.ndarray:
    x, y = (table[:, picks].transpose(1, 0, 2).reshape(len(picks), -1) for table in (actual, predicted))
    with np.errstate(invalid="ignore", divide="ignore"):
        return statistic(x, y)


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean(1, keepdims=True)


def _slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x = _centred(x)
    return (x * y).sum(1) / (x * x).sum(1)


def _intercept(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return y.mean(1) - _slope(x, y) * x.mean(1)


def _sign(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    moved = x != 0
    return ((np.sign(x) == np.sign(y)) & moved).sum(1) / moved.sum(1)
