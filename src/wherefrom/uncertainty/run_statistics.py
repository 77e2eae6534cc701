"""What runs say of each score, kept as they pass by (Welford 1962), and variances of few runs drawn to their trend (Smyth 2004)."""

from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError

ENDS = ("proponents", "opponents")


class RunMoments:
    """Counts, means and squares of score tables (q, n), one run after the other; the tables themselves are not kept.

    ``candidates`` (q, c) are positions of training examples whose co-moments with all others are kept too, ``cross`` (q, c, n): what a
    comparison of two scores of the same runs needs. ``hits`` counts for each end the runs that have an example in their top ``k``, ties kept in the
    order of the data. Raises :class:`UsageError` for a table of another shape or with scores that are not finite.
    """

    def __init__(self, candidates: np.ndarray, n: int, k: int) -> None:
        q = len(candidates)
        self.candidates, self.k, self.count = candidates, k, 0
        self.mean, self.squares = np.zeros((q, n)), np.zeros((q, n))
        self.cross = np.zeros((q, candidates.shape[1], n))
        self.positive = np.zeros((q, n), dtype=np.int64)
        self.hits = {end: np.zeros((q, n), dtype=np.int64) for end in ENDS}

    def add(self, values: np.ndarray) -> None:
        """One more run's scores (q, n)."""
        if values.shape != self.mean.shape or not np.isfinite(values).all():
            raise UsageError(f"A run's scores must be finite and of shape {self.mean.shape}; these have shape {values.shape}.")
        values = values.astype(np.float64)
        self.count += 1
        before = values - self.mean
        self.mean += before / self.count
        after = values - self.mean
        self.squares += before * after
        self.cross += np.take_along_axis(before, self.candidates, 1)[:, :, None] * after[:, None, :]
        self.positive += values > 0
        for end, sign in zip(ENDS, (-1, 1), strict=True):
            best = (sign * values).argsort(1, kind="stable")[:, : self.k]
            np.put_along_axis(self.hits[end], best, np.take_along_axis(self.hits[end], best, 1) + 1, 1)

    def inclusion(self, end: str) -> np.ndarray:
        """The share of runs that have each example in their top k at one end (q, n)."""
        return self.hits[end] / self.count

    def same_sign(self) -> np.ndarray:
        """The share of runs with the commoner sign (q, n)."""
        return np.maximum(self.positive, self.count - self.positive) / self.count

    def variance(self) -> np.ndarray:
        """Of one run's scores, R - 1 degrees of freedom (q, n)."""
        if self.count < 2:
            raise UsageError("One run has no spread; make 2 or more.")
        return self.squares / (self.count - 1)

    def between(self, query: int) -> np.ndarray:
        """The variance of the difference between each candidate's score and every example's, in one run (c, n)."""
        own = self.squares[query]
        return (own[self.candidates[query], None] + own[None] - 2 * self.cross[query]).clip(0) / (self.count - 1)


def shares(values: np.ndarray) -> np.ndarray:
    """Scores (q, n) over the length of their row: a factor on all scores of a run, such as the query's own slope, ranks nothing."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, length, out=np.zeros_like(values), where=length > 0)


@dataclass(frozen=True, eq=False)
class Shrunken:
    """Variances drawn to what others of like scores have: (d₀ prior + d s²)/(d₀ + d), with ``freedom`` d₀ + d (Smyth 2004).

    ``prior`` (n,) is that trend, ``weight`` d₀ the degrees of freedom that it is worth.
    """

    prior: np.ndarray
    weight: float
    freedom: float

    def of(self, variance: np.ndarray, prior: np.ndarray) -> np.ndarray:
        """Drawn variances, of any quantity whose prior is known."""
        share = self.weight / self.freedom
        return share * prior + (1 - share) * variance


def shrunken(mean: np.ndarray, variance: np.ndarray, freedom: int) -> Shrunken:
    """The trend of variances (n,) with scores (n,), and how closely they follow it.

    log s² less its bias under χ² noise is regressed on log(mean² + median s²), as large scores have large noise; what spread is left beyond that of
    χ² with d degrees of freedom says how far the trend can be relied on. It is worth at most 3 d: spreads that all runs share would otherwise pass
    for knowledge. Where most variances are 0 nothing is drawn.
    """
    from scipy.special import digamma, polygamma

    some = variance > 0
    if some.sum() < max(10, len(variance) // 2):
        return Shrunken(variance, 0.0, float(freedom))
    size = np.log(mean**2 + np.median(variance[some]))
    log = np.log(variance[some]) - digamma(freedom / 2) + np.log(freedom / 2)
    design = np.stack([np.ones(int(some.sum())), size[some]], 1)
    found = np.linalg.lstsq(design, log, rcond=None)[0]
    beyond = np.square(log - design @ found).sum() / (len(log) - 2) - float(polygamma(1, freedom / 2))
    weight = min(2 * _trigamma_inverse(beyond), CAP * freedom) if beyond > 0 else float(CAP * freedom)
    prior = np.exp(found[0] + found[1] * size + digamma(weight / 2) - np.log(weight / 2))
    return Shrunken(prior, weight, weight + freedom)


CAP = 3  # times its own degrees of freedom


def _trigamma_inverse(value: float) -> float:
    """y with ψ′(y) = value, by Newton's method on 1/ψ′, which is nearly a line."""
    from scipy.special import polygamma

    y = 0.5 + 1 / value
    for _ in range(50):
        there = float(polygamma(1, y))
        step = there * (1 - there / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-8 * y:
            break
    return y
