"""Agreement of two full rankings, one value per query: Kendall 1938, Spearman 1904, Vigna 2015."""

from collections.abc import Callable
from typing import Any

import numpy as np

from wherefrom.estimate import Estimate
from wherefrom.metrics.aligned import ScoresLike, aligned
from wherefrom.metrics.bootstrap import PerQuery
from wherefrom.progress import track

CONSTANT = "every score of a query is the same"


def kendall(a: ScoresLike, b: ScoresLike, *, progress: bool = True) -> Estimate:
    """Kendall's τ-b, (C - D) / √((N - Tₐ)(N - T_b)) over the N pairs of training examples, Tₐ of them tied in a; mean over queries.

    ``a`` and ``b`` are :class:`Scores`, aligned by ids, or arrays (n,) or (q, n). Chance 0; undefined where a query's scores are constant.
    """
    x, y = aligned([a, b]).values
    return kendall_each(x, y, progress).estimate()


def spearman(a: ScoresLike, b: ScoresLike) -> Estimate:
    """Spearman's ρ, Pearson's correlation of the mid-ranks; mean over queries. Chance 0; undefined where scores are constant."""
    return spearman_each(*aligned([a, b]).values).estimate()


def weighted_kendall(a: ScoresLike, b: ScoresLike, *, progress: bool = True) -> Estimate:
    """Vigna's weighted τ: a pair counts 1/(r₁+1) + 1/(r₂+1) by its ranks from the top (0, 1, ...), in a and in b, averaged. Chance 0."""
    x, y = aligned([a, b]).values
    return weighted_kendall_each(x, y, progress).estimate()


def pearson(a: ScoresLike, b: ScoresLike) -> Estimate:
    """Pearson's correlation of the scores themselves, which a few large ones may decide; mean over queries. Chance 0."""
    return pearson_each(*aligned([a, b]).values).estimate()


def sign_agreement(a: ScoresLike, b: ScoresLike) -> Estimate:
    """The share of training examples to which both give the same sign, of those that neither scores 0; mean over queries.

    Chance is what the shares of positive scores give, pₐp_b + (1 - pₐ)(1 - p_b): ½ for balanced ones. Vacuous where it is 1 for every query.
    """
    return sign_each(*aligned([a, b]).values).estimate()


def kendall_each(x: np.ndarray, y: np.ndarray, progress: bool = True) -> PerQuery:
    """:func:`kendall` of each row."""
    return PerQuery("Kendall tau-b", kendall_rows(x, y, progress), CONSTANT, 0.0)


def spearman_each(x: np.ndarray, y: np.ndarray) -> PerQuery:
    """:func:`spearman` of each row."""
    return PerQuery("Spearman", spearman_rows(x, y), CONSTANT, 0.0)


def weighted_kendall_each(x: np.ndarray, y: np.ndarray, progress: bool = True) -> PerQuery:
    """:func:`weighted_kendall` of each row."""
    from scipy.stats import weightedtau

    values = _each(lambda a, b: _statistic(weightedtau(a, b)), x, y, progress)
    return PerQuery("weighted tau", values, CONSTANT, 0.0)


def pearson_each(x: np.ndarray, y: np.ndarray) -> PerQuery:
    """:func:`pearson` of each row."""
    return PerQuery("Pearson", pearson_rows(x, y), CONSTANT, 0.0)


def sign_each(x: np.ndarray, y: np.ndarray) -> PerQuery:
    """:func:`sign_agreement` of each row."""
    signed = (x != 0) & (y != 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p, r, same = (np.where(signed, side, False).sum(1) / signed.sum(1) for side in (x > 0, y > 0, (x > 0) == (y > 0)))
    chance = p * r + (1 - p) * (1 - r)
    one_sign = "all scores have one sign, so they could not disagree" if signed.any() and (chance[signed.any(1)] == 1).all() else ""
    return PerQuery("sign agreement", same, "every score is 0 in one or the other", chance, (0.0, 1.0), one_sign)


def kendall_rows(x: np.ndarray, y: np.ndarray, progress: bool = True) -> np.ndarray:
    """τ-b of each row (q,), NaN where one of the two is constant."""
    from scipy.stats import kendalltau

    return _each(lambda a, b: _statistic(kendalltau(a, b, method="asymptotic")), x, y, progress)


def spearman_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """ρ of each row (q,), NaN where one of the two is constant."""
    from scipy.stats import rankdata

    return pearson_rows(rankdata(x, axis=1), rankdata(y, axis=1))


def pearson_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """r of each row (q,), NaN where one of the two is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = _scaled(x), _scaled(y)
        return np.clip((x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1)), -1, 1)


def constant(x: np.ndarray) -> np.ndarray:
    """Which rows hold one value alone (q,)."""
    return x.max(1) == x.min(1)


def _statistic(result: Any) -> float:
    return float(result.statistic)


def _scaled(x: np.ndarray) -> np.ndarray:
    """Rows about their mean, the largest entry ±1, so that no square under- or overflows; NaN where a row is constant."""
    x = x / np.abs(x).max(1, keepdims=True)
    x = np.where(constant(x)[:, None], np.nan, x - x.mean(1, keepdims=True))
    return x / np.abs(x).max(1, keepdims=True)


def _each(statistic: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray, progress: bool) -> np.ndarray:
    known = ~(constant(x) | constant(y))
    return np.array([statistic(a, b) if there else np.nan for a, b, there in track(zip(x, y, known, strict=True), "ranking", len(x), progress)])
