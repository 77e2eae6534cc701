"""How much of a query's influence a few training examples hold: predictions that lean on few examples are the easier to move."""

from dataclasses import dataclass

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate
from wherefrom.metrics.bootstrap import PerQuery
from wherefrom.scores import Scores


@dataclass(frozen=True, eq=False)
class Concentration:
    """The share of each query, in the order of ``query_ids``, ``None`` where it has none, and the ``mean`` of the others; ``k`` examples hold it."""

    k: int
    query_ids: np.ndarray
    shares: tuple[float | None, ...]
    mean: Estimate

    def __str__(self) -> str:
        return str(self.mean)


def concentration(scores: Scores, k: int = 10) -> Concentration:
    """The share of Σᵢ |score| that the ``k`` training examples of largest |score| hold, for each query and in the mean, with Student's interval.

    ``chance`` is k/n, the share if all examples counted alike: the least that is possible. A query whose scores are all 0 has no share; with
    k ≥ n every share is 1, which says nothing. Raises :class:`UsageError` for k below 1 and scores that are not finite.
    """
    size = scores.values.abs().double()
    n = size.shape[1]
    if k < 1:
        raise UsageError(f"k={k} counts no examples; give 1 or more.")
    if not bool(torch.isfinite(size).all()):
        raise UsageError("Some scores are not finite; compute them again with a larger damping.")
    held, total = size.topk(min(k, n), dim=1).values.sum(1), size.sum(1)
    shares = (held / total).where(total > 0, torch.nan).numpy()
    same = f"the top {k} of {n} examples hold everything" if k >= n else ""
    found = PerQuery(f"share of the top {k}", shares, "all scores are 0", chance=min(1.0, k / n), bounds=(0.0, 1.0), same=same)
    return Concentration(k, scores.query_ids, found.listed(), found.estimate())
