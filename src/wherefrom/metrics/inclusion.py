"""What many runs say of each training example: how often it is in the top k, and how large its score is beside its noise."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined
from wherefrom.metrics.aligned import Runs, aligned
from wherefrom.metrics.bootstrap import LEVEL, PerQuery, over_runs
from wherefrom.metrics.ranks import CONSTANT
from wherefrom.metrics.selections import top_of
from wherefrom.scores import By


@dataclass(frozen=True, eq=False)
class Inclusion:
    """The share of R runs that have each training example in their top k (q, n), with Wilson's interval (1927); ``chance`` is k/n.

    ``known`` (q,) is false where a run's scores are constant, so that it has no top: there the share is that of chance, between 0 and 1.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    query_ids: np.ndarray
    train_ids: np.ndarray
    runs: int
    chance: float
    known: np.ndarray


@dataclass(frozen=True, eq=False)
class SignalToNoise:
    """Mean and standard deviation over R runs of each score (q, n), the mean's t interval, and the share of runs with the commoner sign.

    ``ratio`` is the median over training examples of |mean| / deviation, averaged over queries: the reproducibility of a single run,
    which does not grow with R. At 1 two runs disagree in sign 27 times in 100, at 2 four times, at 3 once in 300.
    """

    mean: np.ndarray
    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sign_share: np.ndarray
    query_ids: np.ndarray
    train_ids: np.ndarray
    ratio: Estimate
    same_sign: Estimate

    @property
    def ratios(self) -> np.ndarray:
        """|mean| / deviation (q, n): infinite where the runs agree to the last bit on a score that is not 0, and 0 where all say 0."""
        return _ratios(self.mean, self.deviation)


def inclusion(runs: Runs, *, k: int, by: By = "proponents") -> Inclusion:
    """How often each training example is in the top ``k`` of R runs: :class:`Scores`, or arrays (R, q, n)."""
    from scipy.special import ndtri

    scores = aligned(list(runs))
    count, n = len(scores.values), scores.values.shape[2]
    found, z = top_of(scores, k, by), float(ndtri((1 + LEVEL) / 2))
    share, known = np.where(found.known[:, None], found.chosen.mean(0), k / n), found.known[:, None]
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2))
    low, high = np.where(known, np.clip(middle - reach, 0, 1), 0.0), np.where(known, np.clip(middle + reach, 0, 1), 1.0)
    return Inclusion(share, low, high, scores.query_ids, scores.train_ids, count, k / n, found.known)


@dataclass(frozen=True, eq=False)
class SharedTop:
    """Of each query the training ids that enough of R lists hold, commonest first; ``count``: how many, the mean over queries, beside chance.

    Lists drawn at random share n P(Binomial(R, k/n) ≥ ⌈share R⌉) ids. Queries for which a list has constant scores, and so no top, share nothing
    and are left out of the count.
    """

    ids: Mapping[object, tuple[object, ...]]
    count: Estimate
    share: float


def shared_top(runs: Runs, *, k: int, share: float = 1.0, by: By = "proponents") -> SharedTop:
    """The training examples that at least ``share`` of runs, methods or both have in their top ``k``: :class:`Scores`, or arrays (R, q, n).

    Scores are brought onto the queries and training examples that all have, by id, before the top is taken. Vacuous at k = n.
    """
    from scipy.stats import binom

    if not 0 < share <= 1:
        raise UsageError(f"share={share} is not above 0 and at most 1; 1 asks for what all lists hold.")
    found = inclusion(runs, k=k, by=by)
    enough, n = math.ceil(share * found.runs - 1e-9), found.values.shape[1]
    ids = {}
    for row, query in enumerate(found.query_ids.tolist()):
        order = np.argsort(-found.values[row], kind="stable")
        held = order[np.rint(found.values[row][order] * found.runs) >= enough] if found.known[row] else order[:0]
        ids[query] = tuple(found.train_ids[held].tolist())
    counts = np.where(found.known, [len(one) for one in ids.values()], np.nan)
    chance, same = n * float(binom.sf(enough - 1, found.runs, k / n)), f"the lists hold all {n} training examples; take a smaller k" if k == n else ""
    return SharedTop(ids, PerQuery(f"shared top {k}", counts, CONSTANT, chance, (0.0, float(n)), same).estimate(), share)


def signal_to_noise(runs: Runs) -> SignalToNoise:
    """Each score's mean beside its deviation over R runs that are independent: checkpoints of one run are not.

    ``same_sign`` is the share of pairs of runs that give a score the same sign. Chance is what normal noise about 0 gives: the median of |t| / √R
    with R - 1 degrees of freedom, and ½.
    """
    from scipy.special import stdtrit

    scores = aligned(list(runs))
    values, count = scores.values, len(scores.values)
    if count < 2:
        nothing = undefined("signal to noise", "one run has no deviation; make 3 or more", count)
        zeros, wide = np.zeros_like(values[0]), np.full_like(values[0], np.inf)
        return SignalToNoise(values[0], zeros, -wide, wide, zeros + 1, scores.query_ids, scores.train_ids, nothing, nothing)
    mean, deviation = values.mean(0), values.std(0, ddof=1)
    share = np.maximum((values > 0).mean(0), (values < 0).mean(0))
    reach = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * deviation / count**0.5
    noise = float(stdtrit(count - 1, 0.75)) / count**0.5
    ratio = _over("signal to noise", values, lambda part: float(np.median(_ratios(part.mean(0), part.std(0, ddof=1)), axis=1).mean()), noise, np.inf)
    same = _over("same sign", values, _same_sign, 0.5, 1.0)
    return SignalToNoise(mean, deviation, mean - reach, mean + reach, share, scores.query_ids, scores.train_ids, ratio, same)


def _over(name: str, values: np.ndarray, statistic: Callable[[np.ndarray], float], chance: float, most: float) -> Estimate:
    whole = statistic(values)
    if not np.isfinite(whole):
        return undefined(name, "the runs agree to the last bit, so there is no noise", len(values))
    without = [statistic(np.delete(values, run, 0)) for run in range(len(values))] if len(values) > 2 else [np.nan] * len(values)
    return over_runs(name, whole, np.array(without), chance=chance, bounds=(0.0, most))


def _ratios(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean == 0, 0.0, np.abs(mean) / deviation)


def _same_sign(values: np.ndarray) -> float:
    """The share of pairs of runs that give a score the same sign, over all scores."""
    above, below = ((values > 0).sum(0), (values < 0).sum(0))
    return float(((above * (above - 1) + below * (below - 1)) / (len(values) * (len(values) - 1))).mean())
