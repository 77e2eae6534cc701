"""Many tests at once (Holm 1979; Benjamini & Hochberg 1995), and how many runs it takes to see an effect."""

import math

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.types import Numbers

MOST = 100_000  # runs


def holm(p_values: Numbers) -> np.ndarray:
    """Adjusted p-values, max_{j ≤ i} min(1, (m - j + 1) p_(j)) in the order of p: reject where ≤ α for a chance α of any false one."""
    p = _checked(p_values)
    order = p.argsort(kind="stable")
    adjusted = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return adjusted[order.argsort()].reshape(np.shape(p_values))


def benjamini_hochberg(p_values: Numbers) -> np.ndarray:
    """Adjusted p-values, min_{j ≥ i} m p_(j) / j: reject where at most α, and the share of false ones among rejections is α in expectation."""
    p = _checked(p_values)
    order = p.argsort(kind="stable")
    stepped = np.minimum(1, p[order] * len(p) / np.arange(1, len(p) + 1))
    return np.minimum.accumulate(stepped[::-1])[::-1][order.argsort()].reshape(np.shape(p_values))


def runs_needed(deviation: float, effect: float, *, power: float = 0.8, level: float = 0.05, paired: bool = False) -> int:
    """Runs per arm at which a two-sided t test of the given level finds a difference of means ``effect`` with the given power.

    ``deviation`` is that of one arm over seeds; with ``paired`` it is that of the difference of two arms of one seed.
    """
    if not (deviation > 0 and effect and math.isfinite(deviation) and math.isfinite(effect) and 0 < level < power < 1):
        raise UsageError("Give a deviation above 0, an effect that is not 0, and level < power, both between 0 and 1.")
    shift = abs(effect) / deviation / (1 if paired else 2**0.5)

    def enough(runs: int) -> bool:
        freedom = runs - 1 if paired else 2 * (runs - 1)
        return _power(shift * runs**0.5, freedom, level) >= power

    high = 2
    while not enough(high):
        if high > MOST:
            raise UsageError(f"More than {MOST} runs are needed; an effect of {effect} is too small beside a deviation of {deviation}.")
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if middle > 1 and enough(middle) else (middle, high)
    return high


def smallest_difference(deviation: float, runs: int, *, power: float = 0.8, level: float = 0.05, paired: bool = False) -> float:
    """The smallest difference of means that ``runs`` runs per arm find with the given power: what :func:`runs_needed` turned round.

    ``deviation`` as there; 0, as of a trainer that no seed changes, gives 0. One run shows nothing and is refused.
    """
    if not (deviation >= 0 and math.isfinite(deviation) and 0 < level < power < 1) or runs < 2:
        raise UsageError("Give a deviation of 0 or more, 2 or more runs, and level < power, both between 0 and 1.")
    freedom = runs - 1 if paired else 2 * (runs - 1)
    low, high = 0.0, 1.0
    while _power(high, freedom, level) < power:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(middle, freedom, level) >= power else (middle, high)
    return deviation * high * (1 if paired else 2**0.5) / runs**0.5


def t_test(value: float, error: float, freedom: float) -> float:
    """The two-sided p-value of value / error by Student's t; 1 where both are 0."""
    from scipy.special import stdtr

    if error == 0:
        return 1.0 if value == 0 else 0.0
    return 2 * float(stdtr(freedom, -abs(value) / error))


def _power(shift: float, freedom: int, level: float) -> float:
    from scipy.special import stdtrit
    from scipy.stats import nct

    edge = float(stdtrit(freedom, 1 - level / 2))
    with np.errstate(divide="ignore"):  # older scipy passes by a division by 0 on its way to the right value
        found = nct.sf(edge, freedom, shift) + nct.cdf(-edge, freedom, shift)
    return float(found) if np.isfinite(found) else 1.0  # so far from 0 that the tail underflows


def _checked(p_values: Numbers) -> np.ndarray:
    p = np.asarray(p_values, dtype=float).reshape(-1)
    if not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise UsageError("p-values must lie between 0 and 1; an undefined one has no place among them.")
    return p
