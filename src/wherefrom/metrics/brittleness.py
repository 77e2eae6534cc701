"""Brittleness: how few left-out examples flip a prediction (Ilyas et al. 2022), by a majority of retrainings, beside a random arm."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate
from wherefrom.metrics.bootstrap import FEW, LEVEL
from wherefrom.metrics.groups import Own, by_size, worsening
from wherefrom.retraining import Outcomes


@dataclass(frozen=True)
class Brittleness:
    """``smallest``: per query the fewest left-out examples that flip it, ``None`` where no size did; ``flipped``: the share of queries by size."""

    smallest: tuple[int | None, ...]
    flipped: Mapping[int, Estimate]
    query_ids: tuple[object, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.flipped.values()))


def brittleness(outcomes: Outcomes, *, random: Outcomes | None = None, threshold: float = 0.0, own: Own = None) -> Brittleness:
    """Which queries flip when a group of each size is left out: where the measurement crosses ``threshold`` in at least half of R retrainings.

    The measurement is one that tells the prediction: a margin with threshold 0, or binary cross-entropy with log 2. A flip is against the same
    seed's baseline. Every size is looked at, for under noise a search that takes flips to be monotone in size is wrong. The chance of each
    share is what the ``random`` arm's groups of the same size flip. ``own`` maps a query's id to the names of the groups that were chosen for
    it; a group that it gives to no query counts for all. Several groups of one size flip a query by their majority. Wilson's interval over
    queries.
    """
    found, drawn = _flips(outcomes, threshold, own), {} if random is None else _flips(random, threshold, own)
    missing = sorted(set(found) - set(drawn)) if random is not None else []
    if missing:
        raise UsageError(f"The random arm has no group of {missing[0]} examples; leave out as many at random.")
    flips = {size: hits.mean(1) >= 0.5 for size, hits in found.items()}
    smallest = tuple(next((size for size in flips if flips[size][row]), None) for row in range(len(outcomes.query_ids)))
    shares = {size: _share(f"flipped by {size}", hit, float(drawn[size].mean()) if drawn else None) for size, hit in flips.items()}
    return Brittleness(smallest, shares, tuple(outcomes.query_ids.tolist()))


def _flips(outcomes: Outcomes, threshold: float, own: Own) -> dict[int, np.ndarray]:
    """Size, ascending -> whether at least half of the retrainings without a group flip the query (q, draws)."""
    worsening(outcomes, outcomes.query_ids)  # refuses what is not finite
    values, baseline = outcomes.values.double().numpy(), outcomes.baseline.double().numpy()
    flipped = ((values > threshold) != (baseline > threshold)[:, :, None]).mean(0) >= 0.5
    groups, rows = by_size(outcomes, outcomes.query_ids, own), np.arange(len(outcomes.query_ids))[:, None]
    return {size: flipped[rows, columns] for size, columns in groups.items()}


def _share(name: str, hit: np.ndarray, chance: float | None) -> Estimate:
    from scipy.special import ndtri

    q, share, z = len(hit), float(hit.mean()), float(ndtri((1 + LEVEL) / 2))
    middle, reach = share + z * z / (2 * q), z * (share * (1 - share) / q + z * z / (4 * q * q)) ** 0.5
    low, high = max((middle - reach) / (1 + z * z / q), 0.0), min((middle + reach) / (1 + z * z / q), 1.0)
    reason = f"{q} queries give a rough interval; ask {FEW} or more" if q < FEW else ""
    return Estimate(name, share, low, high, LEVEL, q, chance, status="underpowered" if reason else "ok", reason=reason)
