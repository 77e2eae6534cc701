"""Agreement of many runs, the run being the unit: Nogueira, Sechidis and Brown 2018, Kendall and Smith 1939, McGraw and Wong 1996."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined, vacuous
from wherefrom.metrics.aligned import aligned
from wherefrom.metrics.anova import Squares
from wherefrom.metrics.bootstrap import over_runs
from wherefrom.metrics.ranks import CONSTANT, constant, kendall_rows
from wherefrom.metrics.selections import Selections, selections
from wherefrom.progress import track
from wherefrom.scores import By

Runs = Sequence[Any] | np.ndarray


@dataclass(frozen=True)
class Stability:
    """How far R runs agree, each figure a mean over the queries with an interval over runs."""

    nogueira: Estimate
    kendall: Estimate
    kendall_w: Estimate
    icc: Estimate
    repeatability: Estimate

    def estimates(self) -> tuple[Estimate, ...]:
        """All five."""
        return (self.nogueira, self.kendall, self.kendall_w, self.icc, self.repeatability)

    def __str__(self) -> str:
        return "\n".join(map(str, self.estimates()))


def stability(runs: Runs, *, k: int, by: By = "proponents", progress: bool = True) -> Stability:
    """All figures of agreement of R runs: :class:`Scores` of the same method on models that differ in what is to be varied, or arrays (R, q, n)."""
    values = _values(runs)
    return Stability(nogueira(values, k=k, by=by), mean_kendall(values, progress=progress), kendall_w(values), icc(values), repeatability(values))


def nogueira(runs: Runs, *, k: int | None = None, n: int | None = None, by: By = "proponents") -> Estimate:
    """Nogueira's Φ = 1 - meanᵢ [R/(R-1) pᵢ(1 - pᵢ)] / ((k/n)(1 - k/n)), pᵢ the share of runs that have i in their top k; chance 0.

    With lists of one length it is the mean of Kuncheva's index over all pairs of runs. ``runs`` are scores with ``k``, or lists of ids
    (of any lengths) or :class:`TopScores` with ``n``. Vacuous at k = n. Interval: jackknife over runs.
    """
    found = selections(runs, k=k, n=n, by=by)
    if found.sizes.mean() == found.n:
        return vacuous("Nogueira", f"every run selects all {found.n} training examples; take a smaller k", len(found.chosen))
    return _over("Nogueira", found.chosen, lambda chosen: _phi(found, chosen), "a run has constant scores, or none selects anything")


def mean_kendall(runs: Runs, *, progress: bool = True) -> Estimate:
    """The mean of Kendall's τ-b over all pairs of runs; chance 0. Pairs are not independent, so the interval leaves out whole runs."""
    values = _values(runs)
    count = len(values)
    pairs = np.zeros((count, count, values.shape[1]))
    for i, j in track(combinations(range(count), 2), "ranking pairs of runs", count * (count - 1) // 2, progress):
        pairs[i, j] = pairs[j, i] = kendall_rows(values[i], values[j], progress=False)

    def mean(kept: np.ndarray) -> np.ndarray:
        return pairs[np.ix_(kept, kept)].sum((0, 1)) / (len(kept) * (len(kept) - 1))

    return _over("mean Kendall tau-b", np.arange(count), mean, CONSTANT, chance=0.0)


def kendall_w(runs: Runs) -> Estimate:
    """Kendall's W = 12 S / (R²(n³ - n) - R ΣT), S the squares of the rank sums about their mean, T = Σ (t³ - t) over a run's ties.

    Chance is 1/R, not 0: W = ½ of two runs means nothing. The interval is that of the mean correlation of ranks, (R W - 1) / (R - 1).
    """
    from scipy.stats import rankdata

    values = _values(runs)
    count = len(values)
    first, last = (rankdata(values, method, axis=2) for method in ("min", "max"))
    ranks, ties = (first + last) / 2, ((last - first + 1.0) ** 2 - 1).sum(2)  # Σ t³ - t over ties is Σ t² - 1 over examples
    mean = _over("Kendall W", np.arange(count), lambda kept: _mean_rho(ranks[kept], ties[kept]), "every run's scores are constant", chance=0.0)
    if mean.value is None:
        return mean
    value, low, high = (None if rho is None else (1 + (count - 1) * rho) / count for rho in (mean.value, mean.low, mean.high))
    return replace(mean, value=value, low=None if low is None else max(low, 0.0), high=high, chance=1 / count)


def icc(runs: Runs, *, absolute: bool = False, of_mean: bool = False) -> Estimate:
    """The intraclass correlation of single scores over runs, ICC(C, 1), or (``of_mean``) of the mean of all R, ICC(C, R).

    It is the share of variance that lies between examples. ``absolute`` counts a shift of a whole run as disagreement: ICC(A, ·). Chance 0.
    A few large scores may decide it, as they do Pearson's r.
    """
    values = _values(runs)

    def rows(part: np.ndarray) -> np.ndarray:
        squares, count = Squares.of(part), len(part) if of_mean else 1
        found = squares.agreement(count) if absolute else squares.consistency(count)
        return np.where(np.all([constant(run) for run in part], 0), np.nan, found)

    name = f"ICC({'A' if absolute else 'C'},{len(values) if of_mean else 1})"
    return _over(name, values, rows, "every run's scores are constant", chance=0.0, bounds=(-np.inf, 1.0))


def runs_for_reliability(icc: float, reliability: float) -> int:
    """Runs whose mean has the reliability, if one run has the ICC (Spearman and Brown): ρ(1 - ICC) / (ICC (1 - ρ))."""
    if not (0 < icc < 1 and 0 < reliability < 1):
        raise UsageError(f"icc={icc} and reliability={reliability} must lie between 0 and 1.")
    return int(np.ceil(reliability * (1 - icc) / (icc * (1 - reliability)) - 1e-9))


def repeatability(runs: Runs) -> Estimate:
    """1.96 √2 s, s² the mean over training examples of the variance over runs, in the scores' unit.

    Two runs' scores of an example differ by less 95 times in 100 (Bland and Altman 1986).
    """
    values = _values(runs)
    rows = lambda part: 1.96 * np.sqrt(2 * part.var(0, ddof=1).mean(1))  # noqa: E731
    return _over("repeatability", values, rows, "", chance=None, bounds=(0.0, np.inf))


def _values(runs: Runs) -> np.ndarray:
    return aligned(list(runs)).values


def _over(
    name: str, units: np.ndarray, rows: Callable[[np.ndarray], np.ndarray], why: str, *, chance: float | None = 0.0,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Estimate:  # fmt: skip
    """The mean over queries of ``rows`` (runs -> (q,)), and its jackknife over the runs."""
    count = len(units)
    if count < 2:
        return undefined(name, "one run agrees with itself; make 3 or more", count)
    whole = rows(units)
    defined = np.isfinite(whole)
    if not defined.any():
        return undefined(name, why, count)
    without = [rows(np.delete(units, run, 0))[defined].mean() if count > 2 else np.nan for run in range(count)]
    found = over_runs(name, float(whole[defined].mean()), np.array(without), chance=chance, bounds=bounds)
    if defined.all():
        return found
    left_out = f"{int((~defined).sum())} of {len(defined)} queries left out: {why}"
    return replace(found, reason="; ".join(filter(None, (found.reason, left_out))))


def _phi(found: Selections, chosen: np.ndarray) -> np.ndarray:
    count = len(chosen)
    share, size = chosen.mean(0), chosen.sum(2).mean(0) / found.n
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = 1 - count / (count - 1) * (share * (1 - share)).sum(1) / found.n / (size * (1 - size))
    return np.where(found.known, phi, np.nan)


def _mean_rho(ranks: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """(R W - 1) / (R - 1) of each query (q,), from mid-ranks (R, q, n) and Σ (t³ - t) of each run (R, q)."""
    count, _, n = ranks.shape
    squares = np.square(ranks.sum(0) - count * (n + 1) / 2).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        w = 12 * squares / (count**2 * (n**3 - n) - count * ties.sum(0))
    return (count * w - 1) / (count - 1)
