"""Intervals: over queries by Student's t, over runs by the jackknife, over subsets and queries at once by resampling both (Owen 2007)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wherefrom.estimate import Estimate, undefined, vacuous
from wherefrom.progress import track

LEVEL = 0.95
RESAMPLES = 1000
FEW = 5  # queries or runs below which an interval says little
Bounds = tuple[float, float]


@dataclass(frozen=True, eq=False)
class PerQuery:
    """One value per query (q,), NaN where a query has none, ``why``, and what chance gives each; ``same`` says why all would be the same."""

    name: str
    values: np.ndarray
    why: str
    chance: np.ndarray | float | None = None
    bounds: Bounds = (-1.0, 1.0)
    same: str = ""
    note: str = ""

    def listed(self) -> tuple[float | None, ...]:
        """The values in order, ``None`` where a query has none."""
        return tuple(None if self.same or not np.isfinite(value) else float(value) for value in self.values)

    def estimate(self) -> Estimate:
        """The mean over queries, with the interval mean ± t s/√q, cut at the bounds."""
        defined = np.isfinite(self.values)
        q, left_out = int(defined.sum()), len(self.values) - int(defined.sum())
        if self.same:
            return vacuous(self.name, self.same, q)
        if not q:
            return undefined(self.name, self.why)
        chance = None if self.chance is None else float(np.broadcast_to(self.chance, self.values.shape)[defined].mean())
        value = float(self.values[defined].mean())
        notes = [f"{left_out} of {len(self.values)} queries left out: {self.why}"] if left_out else []
        if q < FEW:
            notes.append(f"{q} queries give a rough interval; ask {FEW} or more" if q > 1 else "one query has no interval; ask several")
        notes += [self.note] if self.note else []
        low, high = student(value, float(self.values[defined].std(ddof=1)) / q**0.5, q - 1, self.bounds) if q > 1 else (None, None)
        return Estimate(self.name, value, low, high, LEVEL, q, chance, status="underpowered" if q < FEW else "ok", reason="; ".join(notes))


def over_runs(name: str, whole: float, without: np.ndarray, *, chance: float | None = None, bounds: Bounds = (-1.0, 1.0)) -> Estimate:
    """A statistic of R runs, from its value without each of them (R,): value ± t √((R-1)/R Σ (θ₋ᵣ - θ̄)²), cut at the bounds.

    The asymptotic interval of Nogueira et al. covers 71 % at R = 5; this one, which has R - 1 degrees of freedom, does not fall short.
    """
    runs = len(without)
    if runs < 3 or not np.isfinite(without).all():
        reason = f"{runs} runs give no interval; make 3 or more" if runs < 3 else "without one of the runs it is undefined, so it has no interval"
        return Estimate(name, whole, n=runs, chance=chance, status="underpowered", reason=reason)
    spread = float(np.sqrt((runs - 1) / runs * np.square(without - without.mean()).sum()))
    low, high = student(whole, spread, runs - 1, bounds)
    if runs < FEW:
        reason = f"{runs} runs give a rough interval; make {FEW} or more"
        return Estimate(name, whole, low, high, LEVEL, runs, chance, status="underpowered", reason=reason)
    return Estimate(name, whole, low, high, LEVEL, runs, chance)


def student(value: float, error: float, freedom: float, bounds: Bounds = (-np.inf, np.inf)) -> tuple[float, float]:
    """Return Student's interval value ± t · error at 95 %, with ``freedom`` degrees of freedom, cut at the bounds."""
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    return max(value - reach, min(bounds[0], value)), min(value + reach, max(bounds[1], value))


def satterthwaite(*parts: tuple[float, float]) -> tuple[float, float]:
    """The error √Σ v and the degrees of freedom (Σ v)² / Σ (v²/f) of a sum of variances v, each estimated with f degrees of freedom."""
    total = sum(variance for variance, _ in parts)
    doubt = sum(variance**2 / freedom for variance, freedom in parts if freedom > 0)
    return total**0.5, total**2 / doubt if doubt else max(freedom for _, freedom in parts)


def percentiles(drawn: np.ndarray) -> tuple[float | None, float | None]:
    """Return the ends of the middle 95 % of what was drawn, where it is finite: a resample of one example alone has no correlation."""
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None, None
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def multiplicities(random: np.random.Generator, size: int) -> np.ndarray:
    """How often each of ``size`` units is in a resample with replacement (size,)."""
    return np.bincount(random.integers(0, size, size), minlength=size)


def two_way(statistic: Callable[[np.ndarray], np.ndarray], queries: int, units: int, seed: int, progress: bool) -> np.ndarray:
    """Resamples of a mean over queries (RESAMPLES,): ``statistic`` maps the units' multiplicities (units,) to one value per query (q,).

    Units and queries are drawn apart, so an effect that all queries of a unit share is seen; one query alone is kept.
    """
    random, found = np.random.default_rng(seed), np.empty(RESAMPLES)
    for row in track(range(RESAMPLES), "resampling", RESAMPLES, progress):
        values, weights = statistic(multiplicities(random, units)), multiplicities(random, queries)
        weights = weights * np.isfinite(values)
        found[row] = (weights @ np.nan_to_num(values)) / weights.sum() if weights.sum() else np.nan
    return found
