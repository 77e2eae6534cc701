"""Rank intervals that hold at once, from comparisons of pairs (Mogstad, Romano, Shaikh & Wilhelm 2024), and what follows for the top k."""

from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """Bounds of each example's rank (q, n), 1 the best: with confidence ``level``, at once,

    every member of the true top ``k`` has its rank between them; all of ``core`` are members; and all members are in ``possible``.
    """

    low: np.ndarray
    high: np.ndarray
    k: int
    level: float

    def core(self, k: int) -> np.ndarray:
        """Whether an example is surely in the top ``k`` (q, n): its worst rank is k or better. At most the intervals' own k."""
        return self.high <= self._at_most(k)

    def possible(self, k: int) -> np.ndarray:
        """Whether it cannot be excluded from the top ``k`` (q, n): its best rank is k or better."""
        return self.low <= self._at_most(k)

    def _at_most(self, k: int) -> int:
        if not 1 <= k <= self.k:
            raise UsageError(f"k={k} is not between 1 and {self.k}, for which these intervals were made; ask trust for a larger k.")
        return k


def pairs_of(k: int, n: int) -> int:
    """Comparisons that must not fail: of the true top k with the rest, and among each other, k (n - k) + k (k - 1)/2."""
    return k * (n - k) + k * (k - 1) // 2


def critical(k: int, n: int, level: float, freedom: float) -> float:
    """The t beyond which a difference counts (Bonferroni over :func:`pairs_of`; one side, for of two orders only one can be wrong)."""
    from scipy.special import ndtri, stdtrit

    if pairs_of(k, n) == 0:
        return 0.0
    tail = (1 - level) / pairs_of(k, n)
    return -float(ndtri(tail) if np.isinf(freedom) else stdtrit(freedom, tail))


def rank_bounds(
    centre: np.ndarray, error: np.ndarray, candidates: np.ndarray, beyond: float, resolution: float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Best and worst rank of each of n scores (n,), from the standard errors (c, n) of differences between c candidates and all.

    A score lies above another where their difference is more than ``beyond`` errors and more than rounding, ``resolution``. Only comparisons with
    candidates are made, which can widen intervals and never narrow them.
    """
    difference, reach = centre[candidates, None] - centre[None], beyond * error + resolution
    over, under = difference > reach, -difference > reach  # (c, n): the candidate lies above, below
    low, high = 1 + over.sum(0), len(centre) - under.sum(0)
    low[candidates], high[candidates] = 1 + under.sum(1), len(centre) - over.sum(1)
    return low, high
