"""How far two attributions agree: on the whole ranking, and on its top k."""

from collections.abc import Mapping
from dataclasses import dataclass

from wherefrom.estimate import Estimate
from wherefrom.metrics.aligned import ScoresLike, aligned
from wherefrom.metrics.bootstrap import PerQuery
from wherefrom.metrics.lists import fagin_each, jaccard_each, kuncheva_each, ndcg_each, overlap_each, rbo_each, top_lists
from wherefrom.metrics.ranks import kendall_each, pearson_each, sign_each, spearman_each, weighted_kendall_each
from wherefrom.scores import By


@dataclass(frozen=True)
class Agreement:
    """Eleven figures, each a mean over queries; ``per_query`` holds each query's own, in the order of ``query_ids``, ``None`` where undefined.

    A whole ranking is mostly training examples that do not matter: read its τ beside a figure of the top ``k`` of ``n``. ``fagin`` is a distance.
    """

    kendall: Estimate
    spearman: Estimate
    weighted_kendall: Estimate
    pearson: Estimate
    sign: Estimate
    overlap: Estimate
    kuncheva: Estimate
    jaccard: Estimate
    fagin: Estimate
    rbo: Estimate
    ndcg: Estimate
    per_query: Mapping[str, tuple[float | None, ...]]
    query_ids: tuple[object, ...]
    k: int
    n: int

    def estimates(self) -> tuple[Estimate, ...]:
        """All eleven."""
        whole = (self.kendall, self.spearman, self.weighted_kendall, self.pearson, self.sign)
        return (*whole, self.overlap, self.kuncheva, self.jaccard, self.fagin, self.rbo, self.ndcg)

    def __str__(self) -> str:
        return "\n".join(map(str, self.estimates()))


def agreement(
    a: ScoresLike, b: ScoresLike, *, k: int = 10, by: By = "proponents", rbo_p: float = 0.9, fagin_p: float = 0.0, progress: bool = True
) -> Agreement:
    """All figures of agreement of two :class:`Scores`, or arrays (n,) or (q, n); see each figure's own function.

    Scores are brought onto the queries and training examples that both have, by id, before the top k is taken; ties keep the order of
    ``a``'s data. Intervals are over queries.
    """
    both = aligned([a, b])
    x, y = both.values
    found = top_lists(both.values, k, by)
    measured: dict[str, PerQuery] = {
        "kendall": kendall_each(x, y, progress), "spearman": spearman_each(x, y), "weighted_kendall": weighted_kendall_each(x, y, progress),
        "pearson": pearson_each(x, y), "sign": sign_each(x, y), "overlap": overlap_each(found), "kuncheva": kuncheva_each(found),
        "jaccard": jaccard_each(found), "fagin": fagin_each(found, fagin_p), "rbo": rbo_each(found, rbo_p), "ndcg": ndcg_each(x, y, k, by),
    }  # fmt: skip
    estimates = {name: rows.estimate() for name, rows in measured.items()}
    per_query = {name: rows.listed() for name, rows in measured.items()}
    return Agreement(**estimates, per_query=per_query, query_ids=tuple(both.query_ids.tolist()), k=k, n=x.shape[1])
