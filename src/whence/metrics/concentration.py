"""How much of a query's influence a few training examples hold: predictions that lean on few examples are the easier to move."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from whence.errors import UsageError
from whence.estimate import Estimate, undefined
from whence.scores import Scores

RESAMPLES, LEVEL, FEW = 1000, 0.95, 10


@dataclass(frozen=True, eq=False)
class Concentration:
    """The share of each query (in the order of ``query_ids``) and the ``mean`` of those that have one; ``k`` examples hold it."""

    k: int
    query_ids: np.ndarray
    shares: tuple[Estimate, ...]
    mean: Estimate

    def __str__(self) -> str:
        return str(self.mean)


def concentration(scores: Scores, k: int = 10, *, seed: int = 0) -> Concentration:
    """The share of Σᵢ |score| that the ``k`` training examples of largest |score| hold, for each query and in the mean.

    ``chance`` is k/n, the share if all examples counted alike: the least that is possible. The mean's interval (95 %) is percentiles over 1,000
    resamplings of the queries. A query whose scores are all 0 has no share; with k ≥ n every share is 1, which says nothing. Raises
    :class:`UsageError` for k below 1 and scores that are not finite.
    """
    size = scores.values.abs().double()
    n = size.shape[1]
    if k < 1:
        raise UsageError(f"k={k} counts no examples; give 1 or more.")
    if not bool(torch.isfinite(size).all()):
        raise UsageError("Some scores are not finite; compute them again with a larger damping.")
    name = f"share of the top {k}"
    if k >= n:
        vacuous = Estimate(name, None, n=n, status="vacuous", reason=f"the top {k} of {n} examples hold everything")
        return Concentration(k, scores.query_ids, (vacuous,) * len(size), vacuous)
    held, total = size.topk(k, dim=1).values.sum(1), size.sum(1)
    shares = tuple(
        Estimate(name, float(part / whole), n=n, chance=k / n) if whole > 0 else undefined(name, "all scores of this query are 0", n)
        for part, whole in zip(held, total, strict=True)
    )
    return Concentration(k, scores.query_ids, shares, _mean(f"mean {name}", (held / total)[total > 0], k / n, seed))


def _mean(name: str, shares: Tensor, chance: float, seed: int) -> Estimate:
    q = len(shares)
    if q == 0:
        return undefined(name, "all scores are 0")
    picks = np.random.default_rng(seed).integers(0, q, (RESAMPLES, q))
    low, high = np.quantile(shares.numpy()[picks].mean(1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    value = float(shares.mean())
    if q < FEW:
        reason = f"{q} queries give a rough interval; ask {FEW} or more"
        return Estimate(name, value, low, high, LEVEL, q, chance, status="underpowered", reason=reason)
    return Estimate(name, value, low, high, LEVEL, q, chance)
