"""The linear datamodelling score (Ilyas et al. 2022; Park et al. 2023), with an interval that knows of shared retrainings, and its ceiling."""

from dataclasses import dataclass

import numpy as np

from wherefrom.estimate import Estimate, undefined
from wherefrom.metrics.anova import Squares
from wherefrom.metrics.bootstrap import LEVEL, satterthwaite, student, two_way
from wherefrom.metrics.groups import asked, group_sums, worsening
from wherefrom.metrics.ranks import constant
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores
from wherefrom.types import Id, Ids

FEW = 10  # subsets below which an interval says little


@dataclass(frozen=True)
class Lds:
    """``lds``: the mean over queries, with its ceiling; ``relative``: the lds over the ceiling, which is taken as known; ``per_query`` in order."""

    lds: Estimate
    relative: Estimate
    per_query: tuple[float | None, ...]
    query_ids: tuple[object, ...]

    def estimates(self) -> tuple[Estimate, ...]:
        """Both."""
        return (self.lds, self.relative)

    def __str__(self) -> str:
        return "\n".join(map(str, self.estimates()))


def lds(scores: Scores, outcomes: Outcomes, *, queries: Ids | Id | None = None, seed: int = 0, progress: bool = True) -> Lds:
    """mean_q Spearman_S(Σ_{i∈S} score(q, i), the query's measurement improving) over the m training subsets S; chance 0.

    The outcomes' groups are what was **left out** of each subset. The sum over a subset is the same total less the sum over what was left
    out, so this is the rank correlation of Σ_{left out} score with the worsening: positive is good for every method. Outcomes are averaged
    over their R seeds.

    The interval (95 %) is value ± t s on Fisher's scale, s the deviation over 1,000 resamplings of subsets and queries, each apart (all
    queries share the same m models), t with Satterthwaite's degrees of freedom of the two parts. The ceiling is the mean of √ICC(C, R), the
    correlation of the outcomes' mean over R seeds with that over infinitely many: √(s²_subset / (s²_subset + s²_seed / R)); it needs 2 seeds.
    """
    ids = asked(scores, outcomes, queries)
    predicted, actual = group_sums(scores, outcomes.groups, ids), worsening(outcomes, ids)
    m, names = predicted.shape[1], tuple(ids.tolist())
    if m < 3:
        few = undefined("LDS", f"{m} subsets are too few; retrain on at least 3, better 100", m)
        return Lds(few, few, (None,) * len(names), names)
    pair = _Pair(actual.mean(0), predicted)
    rows = pair.spearman(np.ones(m))
    defined = np.isfinite(rows)
    per_query = tuple(float(value) if known else None for value, known in zip(rows, defined, strict=True))
    flat = "every " + ("group's score" if constant(predicted).any() else "outcome") + " of a query is the same"
    if not defined.any():
        nothing = undefined("LDS", flat, m)
        return Lds(nothing, nothing, per_query, names)
    drawn = two_way(pair.spearman, len(rows), m, seed, progress)
    value = float(rows[defined].mean())
    low, high = _interval(value, rows[defined], drawn, m)
    notes = [] if defined.all() else [f"{int((~defined).sum())} of {len(rows)} queries left out: {flat}"]
    notes += [f"{m} subsets give a rough interval; retrain on {FEW} or more"] if m < FEW else []
    notes += ["one query: the interval is over subsets alone"] if defined.sum() == 1 else []
    ceiling, status = _ceiling(actual[:, defined]), "underpowered" if m < FEW else "ok"
    found = Estimate("LDS", value, low, high, LEVEL, m, 0.0, ceiling, status, "; ".join(notes))
    return Lds(found, _relative(found), per_query, names)


def _interval(value: float, rows: np.ndarray, drawn: np.ndarray, m: int) -> tuple[float, float]:
    """On Fisher's scale, atanh ρ, where a correlation is nearly normal; d atanh ρ = dρ / (1 - ρ²)."""
    q, edge = len(rows), 1 - 1e-12
    if abs(value) >= edge:
        return value, value
    variance = float(np.nanvar(np.arctanh(np.clip(drawn, -edge, edge)), ddof=1))
    of_queries = min(float(rows.var(ddof=1)) / q / (1 - value**2) ** 2, variance) if q > 1 else 0.0
    low, high = student(np.arctanh(value), *satterthwaite((of_queries, q - 1), (variance - of_queries, m - 1)))
    return float(np.tanh(low)), float(np.tanh(high))


def _ceiling(actual: np.ndarray) -> float | None:
    """√ of the reliability of the mean over seeds, averaged over queries; ``None`` for one seed."""
    if len(actual) < 2:
        return None
    return float(np.sqrt(np.clip(np.nan_to_num(Squares.of(actual).consistency(len(actual))), 0, 1)).mean())


def _relative(found: Estimate) -> Estimate:
    ceiling = found.ceiling
    if not ceiling:
        reason = "one seed cannot tell noise from effect; retrain with 2" if ceiling is None else "outcomes of different seeds do not agree at all"
        return undefined("LDS / ceiling", reason, found.n)
    value, low, high = (None if number is None else number / ceiling for number in (found.value, found.low, found.high))
    return Estimate("LDS / ceiling", value, low, high, LEVEL, found.n, 0.0, 1.0, found.status, found.reason)


class _Pair:
    """Two tables (q, m) whose Spearman correlations are found again for any multiplicities of the m columns, each table sorted once."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.tables = tuple(map(_Sorted, (x, y)))

    def spearman(self, times: np.ndarray) -> np.ndarray:
        """ρ of each row (q,), NaN where one of the two is constant."""
        x, y = (table.ranks(times) for table in self.tables)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (x * y) @ times / np.sqrt((x * x @ times) * (y * y @ times))


class _Sorted:
    """A table (q, m), its rows sorted: where in the order each entry's ties begin and end."""

    def __init__(self, x: np.ndarray) -> None:
        from scipy.stats import rankdata

        self.order = x.argsort(axis=1, kind="stable")
        self.first, self.last = (rankdata(x, method, axis=1).astype(np.int64) for method in ("min", "max"))

    def ranks(self, times: np.ndarray) -> np.ndarray:
        """Mid-ranks (q, m) about their mean, each column taken so many times."""
        below = np.zeros((len(self.order), self.order.shape[1] + 1))
        np.cumsum(times[self.order], axis=1, out=below[:, 1:])
        return (np.take_along_axis(below, self.first - 1, 1) + np.take_along_axis(below, self.last, 1) - times.sum()) / 2
