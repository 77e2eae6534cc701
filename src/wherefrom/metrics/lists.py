"""Agreement of two top-k lists, one value per query: Kuncheva 2007, Fagin, Kumar and Sivakumar 2003, Webber, Moffat and Zobel 2010."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate
from wherefrom.metrics.aligned import ScoresLike, aligned
from wherefrom.metrics.bootstrap import PerQuery
from wherefrom.metrics.ranks import CONSTANT, constant
from wherefrom.scores import By, Scores, TopScores, positions_of, rank_key
from wherefrom.types import Ids

Lists: TypeAlias = Scores | TopScores | Ids | Sequence[Ids]  # ids (k,) or (q, k), best first


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Two top-k lists for each of q queries, out of n training examples (``None``: unknown).

    ``places`` holds, for each query, where its common examples stand in the one list and in the other, from 0. ``known`` (q,) is false where
    a query's scores are constant, so that it has no top; ``tied`` (q,) is true where the score of rank k is that of rank k + 1 too.
    """

    places: tuple[tuple[np.ndarray, np.ndarray], ...]
    k: int
    n: int | None
    known: np.ndarray
    tied: np.ndarray

    @property
    def common(self) -> np.ndarray:
        """The number of common examples of each query (q,)."""
        return np.array([len(first) for first, _ in self.places])

    def measured(self, name: str, values: np.ndarray, chance: float | None, *, of_sets: bool = False) -> PerQuery:
        """Values (q,) of these lists; sets of all training examples agree whatever the scores, orders of them (Fagin, RBO) do not."""
        same = f"the lists hold all {self.n} training examples, so they agree whatever the scores; take a smaller k"
        tied = int((self.tied & self.known).sum())
        note = f"rank {self.k} is tied with the next for {tied} of {len(self.tied)} queries and decided by position" if tied else ""
        rows = np.where(self.known, values, np.nan)
        return PerQuery(name, rows, CONSTANT, chance, (0.0, 1.0), same if of_sets and self.k == self.n else "", note)


def overlap(a: Lists, b: Lists, *, k: int | None = None, n: int | None = None, by: By = "proponents") -> Estimate:
    """The share of common examples, |A ∩ B| / k; chance k/n, and 1 at k = n whatever the scores, which is refused as vacuous.

    ``a`` and ``b`` are :class:`Scores` with ``k`` and ``by``, aligned by ids first and ties broken by the order of ``a``'s data;
    :class:`TopScores`; or arrays of ids (k,) or (q, k), best first. Of these two ``n`` says how many training examples there were.
    """
    return overlap_each(lists(a, b, k=k, n=n, by=by)).estimate()


def kuncheva(a: Lists, b: Lists, *, k: int | None = None, n: int | None = None, by: By = "proponents") -> Estimate:
    """Kuncheva's κ = (o - k/n) / (1 - k/n), the overlap o corrected for chance: 0 by chance, 1 at best; vacuous at k = n. Needs n."""
    return kuncheva_each(lists(a, b, k=k, n=n, by=by)).estimate()


def jaccard(a: Lists, b: Lists, *, k: int | None = None, n: int | None = None, by: By = "proponents") -> Estimate:
    """|A ∩ B| / |A ∪ B|; chance its expectation over hypergeometric overlaps; vacuous at k = n."""
    return jaccard_each(lists(a, b, k=k, n=n, by=by)).estimate()


def fagin(a: Lists, b: Lists, *, k: int | None = None, n: int | None = None, by: By = "proponents", p: float = 0.0) -> Estimate:
    """Fagin's distance K^(p) of two top-k lists over its largest value k² + p k(k - 1): 0 for the same list, 1 for disjoint ones.

    It counts the pairs of A ∪ B that the two lists order differently, an absent example standing below all listed ones, and ``p`` (0 to ½)
    for each pair that one list alone holds. Defined with no common example or one, where τ of the common ones is not.
    """
    return fagin_each(lists(a, b, k=k, n=n, by=by), p).estimate()


def rbo(a: Lists, b: Lists, *, k: int | None = None, n: int | None = None, by: By = "proponents", p: float = 0.9) -> Estimate:
    """Rank-biased overlap, extrapolated: (X_k/k) p^k + ((1 - p)/p) Σ_{d≤k} (X_d/d) p^d, X_d the common examples of the first d."""
    return rbo_each(lists(a, b, k=k, n=n, by=by), p).estimate()


def ndcg(a: ScoresLike, b: ScoresLike, *, k: int, by: By = "proponents") -> Estimate:
    """How much of a's mass b finds: Σ_{r≤k} gain(r-th of b) / log₂(r + 1), over what a's own order has. Not symmetric.

    The gain is the score by a of the end looked at: max(a, 0) for proponents, max(-a, 0) for opponents, |a| for magnitude; undefined where
    all of it is 0. Chance: the mean gain at every rank.
    """
    x, y = aligned([a, b]).values
    return ndcg_each(x, y, k, by).estimate()


def overlap_each(found: RankedLists) -> PerQuery:
    """:func:`overlap` of each query."""
    return found.measured("overlap", found.common / found.k, None if found.n is None else found.k / found.n, of_sets=True)


def kuncheva_each(found: RankedLists) -> PerQuery:
    """:func:`kuncheva` of each query."""
    if found.n is None:
        raise UsageError("Kuncheva's index needs the number of training examples; give n=.")
    share = found.k / found.n
    values = (found.common / found.k - share) / (1 - share) if share < 1 else np.zeros(len(found.places))
    return replace(found.measured("Kuncheva", values, 0.0, of_sets=True), bounds=(-1.0, 1.0))


def jaccard_each(found: RankedLists) -> PerQuery:
    """:func:`jaccard` of each query."""
    chance = None if found.n is None else list_chance(found.n, found.k).jaccard
    return found.measured("Jaccard", found.common / (2 * found.k - found.common), chance, of_sets=True)


def fagin_each(found: RankedLists, p: float = 0.0) -> PerQuery:
    """:func:`fagin` of each query."""
    if not 0 <= p <= 0.5:
        raise UsageError(f"p={p} is not between 0 and 0.5; 0 is lenient, 0.5 neutral to pairs of which one list knows nothing.")
    values = np.array([_fagin(*pair, found.k, p) for pair in found.places])
    return found.measured("Fagin", values, None if found.n is None else _fagin_chance(found.n, found.k, p))


def rbo_each(found: RankedLists, p: float = 0.9) -> PerQuery:
    """:func:`rbo` of each query."""
    if not 0 < p < 1:
        raise UsageError(f"p={p} is not between 0 and 1; 0.9 puts 86 % of the weight on the first ten.")
    values = np.array([_rbo(_overlaps(*pair, found.k), p) for pair in found.places])
    return found.measured("RBO", values, None if found.n is None else _rbo(np.arange(1, found.k + 1) ** 2 / found.n, p))


def ndcg_each(x: np.ndarray, y: np.ndarray, k: int, by: By = "proponents") -> PerQuery:
    """:func:`ndcg` of each row."""
    check(k, x.shape[1])
    gain = rank_key(torch.from_numpy(x), by).clamp_min(0).numpy()
    order = rank_key(torch.from_numpy(y), by).argsort(dim=1, descending=True, stable=True).numpy()[:, :k]
    discount = 1 / np.log2(np.arange(2, k + 2))
    best = -np.sort(-gain, axis=1)[:, :k] @ discount
    with np.errstate(invalid="ignore", divide="ignore"):
        values, chance = np.take_along_axis(gain, order, 1) @ discount / best, gain.mean(1) * discount.sum() / best
    values = np.where(constant(gain) | constant(y), np.nan, values)
    return PerQuery("NDCG", values, "all gains or all scores are the same", chance, (0.0, 1.0))


@dataclass(frozen=True)
class ListChance:
    """What chance gives two lists of k out of n: the hypergeometric number of common examples, its mean and middle 95 %, and the mean Jaccard."""

    n: int
    k: int
    mean: float
    low: int
    high: int
    jaccard: float

    def at_least(self, common: int) -> float:
        """P(common or more)."""
        from scipy.stats import hypergeom

        return float(hypergeom.sf(common - 1, self.n, self.k, self.k))

    def at_most(self, common: int) -> float:
        """P(common or fewer)."""
        from scipy.stats import hypergeom

        return float(hypergeom.cdf(common, self.n, self.k, self.k))


def list_chance(n: int, k: int) -> ListChance:
    """What two lists of k, drawn from n at random, have in common."""
    from scipy.stats import hypergeom

    check(k, n)
    common, weights = _hypergeometric(n, k)
    low, high = hypergeom.interval(0.95, n, k, k)
    return ListChance(n, k, k * k / n, int(low), int(high), float(weights @ (common / (2 * k - common))))


def lists(a: Lists, b: Lists, *, k: int | None = None, n: int | None = None, by: By = "proponents") -> RankedLists:
    """Two top-k lists from :class:`Scores`, :class:`TopScores` or arrays of ids; see :func:`overlap`."""
    if isinstance(a, Scores) and isinstance(b, Scores):
        if k is None:
            raise UsageError("Scores are whole rankings; give k=, the length of the lists.")
        return top_lists(aligned([a, b]).values, k, by)
    if isinstance(a, Scores) or isinstance(b, Scores):
        raise UsageError("Scores were mixed with lists; give two Scores, or take .top(k) of them.")
    if isinstance(a, TopScores) and isinstance(b, TopScores):
        shared = [key for key in a.query_ids.tolist() if key in set(b.query_ids.tolist())]
        if not shared or a.by != b.by:
            why = "share no query" if not shared else f"are of {a.by} and of {b.by}"
            raise UsageError(f"The two lists {why}; compare the same end of the same queries.")
        a, b = (one.ids[positions_of(shared, one.query_ids, "query")] for one in (a, b))
    first, second = (np.atleast_2d(np.asarray(one)) for one in (a, b))
    shortest = min(first.shape[1], second.shape[1])
    length: int = shortest if k is None else int(k)
    if first.shape[0] != second.shape[0] or not 1 <= length <= shortest:
        raise UsageError(f"The lists have shapes {first.shape} and {second.shape}, and k={length}; give the same queries and at least k ids each.")
    places = _places(first[:, :length], second[:, :length])
    named = max(2 * length - len(one) for one, _ in places)
    if n is not None and named > n:
        raise UsageError(f"Two lists name {named} ids, but n={n}; n is the number of all training examples.")
    fine = np.zeros(len(first), dtype=bool)
    return RankedLists(places, length, n, ~fine, fine)


def top_lists(both: np.ndarray, k: int, by: By) -> RankedLists:
    """The lists of two tables of scores (2, q, n), equal scores in the order of the data."""
    n = both.shape[2]
    check(k, n)
    keys = rank_key(torch.from_numpy(both), by)
    order = keys.argsort(dim=2, descending=True, stable=True)
    ranked = keys.gather(2, order[:, :, : k + 1]).numpy()
    tied = (ranked[:, :, k] == ranked[:, :, k - 1]).any(0) if k < n else np.zeros(both.shape[1], dtype=bool)
    known = ~(constant(keys[0].numpy()) | constant(keys[1].numpy()))
    return RankedLists(_places(*order[:, :, :k].numpy()), k, n, known, tied)


def check(k: int, n: int) -> None:
    """Refuse a k that is no length of a list."""
    if not 1 <= k <= n:
        raise UsageError(f"k={k} is not between 1 and the {n} training examples.")


def _places(first: np.ndarray, second: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    for row in (*first, *second):
        if len(set(row.tolist())) < len(row):
            raise UsageError(f"A list names an id twice: {row.tolist()[:5]}...; each example has one rank.")
    return tuple(np.intersect1d(one, other, assume_unique=True, return_indices=True)[1:] for one, other in zip(first, second, strict=True))


def _overlaps(first: np.ndarray, second: np.ndarray, k: int) -> np.ndarray:
    """X_d: the common examples of the first d = 1 ... k of both lists."""
    return np.bincount(np.maximum(first, second), minlength=k).cumsum()


def _rbo(overlaps: np.ndarray, p: float) -> float:
    k, depth = len(overlaps), np.arange(1, len(overlaps) + 1)
    return float(overlaps[-1] / k * p**k + (1 - p) / p * (overlaps / depth * p**depth).sum())


def _fagin(first: np.ndarray, second: np.ndarray, k: int, p: float) -> float:
    z = len(first)
    discordant = np.count_nonzero((first[:, None] < first) & (second[:, None] > second))
    # an example that one list lacks should stand below the common ones in the other: its places above them count
    above = sum(int((places - np.arange(z)).sum()) for places in (np.sort(first), np.sort(second)))
    alone = k - z
    return (discordant + above + alone * alone + p * alone * (alone - 1)) / (k * k + p * k * (k - 1))


def _fagin_chance(n: int, k: int, p: float) -> float:
    z, weights = _hypergeometric(n, k)
    alone = k - z
    expected = z * (z - 1) / 4 + z * alone + alone * alone + p * alone * (alone - 1)  # half of all pairs are discordant
    return float(weights @ expected) / (k * k + p * k * (k - 1))


def _hypergeometric(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.stats import hypergeom

    common = np.arange(max(0, 2 * k - n), k + 1)
    return common, hypergeom.pmf(common, n, k, k)
