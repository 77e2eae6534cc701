"""DIVINE (Bhatt, Chien, Zafar & Weller 2021): influential examples that are diverse too, so that they do not all say the same."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.progress import track
from wherefrom.scores import By, Scores, rank_key
from wherefrom.selection.diversity import Diversity, FacilityLocation, Spread
from wherefrom.selection.greedy import greedy
from wherefrom.selection.kernel import Kernel
from wherefrom.types import Ids, Numbers

GRID = (0.0, *(10 ** (step / 2) for step in range(-4, 7)))  # γ of the curve: 0, then 0.01 to 1,000
HALVINGS = 8  # of a step of the grid, a factor of 3.2, down to half a per cent
ROUNDING = 1e-9


@dataclass(frozen=True)
class TradeOff:
    """What each γ costs and brings, by rising γ: influence relative to the plain top m, R(S), and the mean distance between pairs of S."""

    gamma: tuple[float, ...]
    influence: tuple[float, ...]
    diversity: tuple[float, ...]
    distance: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class DivineSelection:
    """``ids`` (m,) in order of choice, and what they cost and bring at ``gamma``, in the terms of the ``curve``; ``bandwidth`` is the kernel's."""

    ids: np.ndarray
    influence: float
    diversity: float
    distance: float
    gamma: float
    bandwidth: float
    curve: TradeOff


@dataclass(frozen=True)
class Point:
    """What was chosen at one γ."""

    gamma: float
    places: tuple[int, ...]
    influence: float
    diversity: float
    distance: float


def divine(
    scores: Scores | Tensor, features: Numbers, m: int, *, gamma: float | None = None, keep: float = 0.9, diversity: Diversity = FacilityLocation(),
    bandwidth: float | None = None, by: By = "proponents", ids: Ids | None = None, seed: int = 0,
    memory: int | str | None = None, progress: bool = True,
) -> DivineSelection:  # fmt: skip
    """Choose m examples S for Σ_{i∈S} Iᵢ / Σ_{top m} I + γ R(S), greedily: the m most influential at γ = 0, the most diverse as γ grows.

    ``scores``: those of one query, or of all at once (``attribute(..., aggregate=True)``), or a tensor (n,), with ``ids`` (n,) or 0..n-1. I is the
    score, its opposite for ``by="opponents"``, its size for ``by="magnitude"``. ``features`` (n, ...): what examples are compared by, such as
    inputs or activations, in the order of the scores. R is ``FacilityLocation()``, ``SumRedundancy()`` or ``MMD()``, each scaled to at most 1, with
    φ = exp(-‖·‖² / 2 bandwidth²) and for bandwidth the median distance (of all pairs, or those of 1,000 examples drawn by ``seed``).
    Without ``gamma`` it is the largest that keeps ``keep`` of the plain top m's influence, found on a grid from 0.01 to 1,000, then by halving.
    Greedy choice reaches 1 - 1/e of the best set where R is facility location and no I is negative; otherwise that is not promised. Ties are broken
    by position. ``memory`` bounds the table of similarities, n² numbers, beyond which they are worked out again and again.
    Raises :class:`UsageError` where the top m have no influence, for several queries, and for numbers that are not finite.
    """
    key, names = _ranked(scores, ids, by)
    _check(m, len(key), gamma, keep)
    kernel = Kernel.of(features, names, bandwidth, seed, memory)
    most = float(key.sort(descending=True).values[:m].sum())
    if not most > 0:
        raise UsageError(f"The {m} first by {by!r} have a summed influence of {most:g}, so there is none to keep; choose another by=.")
    influence, spread = (key / most).to(kernel.rows.device), diversity.over(kernel, m, progress)
    tried: list[float] = sorted({*GRID, *([] if gamma is None else [float(gamma)])})
    points = {value: _at(value, influence, spread, kernel, m) for value in track(tried, "trading influence for diversity", len(tried), progress)}
    if gamma is None:
        gamma = _largest(points, keep, lambda value: _at(value, influence, spread, kernel, m))
    found, curve = points[float(gamma)], [points[value] for value in sorted(points)]
    told = TradeOff(*(tuple(getattr(point, name) for point in curve) for name in ("gamma", "influence", "diversity", "distance")))
    return DivineSelection(names[list(found.places)], found.influence, found.diversity, found.distance, found.gamma, kernel.bandwidth, told)


def _at(gamma: float, influence: Tensor, spread: Spread, kernel: Kernel, m: int) -> Point:
    chosen, state = greedy(influence, gamma, spread, m)
    places = torch.tensor(chosen, device=influence.device)
    return Point(gamma, tuple(chosen), float(influence[places].sum()), spread.value(state, chosen), kernel.mean_distance(places))


def _largest(points: dict[float, Point], keep: float, at: Callable[[float], Point]) -> float:
    """The largest γ that keeps enough: between the last of the grid that does and the next, halved in logarithms; ``points`` gets what was tried."""
    low = max(value for value, point in points.items() if point.influence >= keep - ROUNDING)
    high = min((value for value in points if value > low), default=None)
    for _ in range(HALVINGS if high is not None else 0):
        assert high is not None
        middle = math.sqrt(low * high) if low > 0 else high / 2
        points[middle] = at(middle)
        low, high = (middle, high) if points[middle].influence >= keep - ROUNDING else (low, middle)
    return low


def _ranked(scores: Scores | Tensor, ids: Any, by: By) -> tuple[Tensor, np.ndarray]:
    """Influence (n,) in float64, large = wanted, and the ids."""
    if isinstance(scores, Scores):
        if len(scores.values) != 1:
            raise UsageError(f"Scores of {len(scores.values)} queries rank in as many ways; give those of one, or attribute(..., aggregate=True).")
        if ids is not None:
            raise UsageError("These scores carry ids already; leave ids out.")
        values, names = scores.values[0], scores.train_ids
    else:
        values = torch.as_tensor(scores).detach()
        names = np.arange(values.numel()) if ids is None else np.asarray(ids)
    if values.dim() != 1 or values.shape != names.shape or len(set(names.tolist())) < len(names):
        raise UsageError(f"Scores of shape {tuple(values.shape)} with ids of shape {names.shape}; give (n,) scores and n ids, each once.")
    values = values.double()
    if not all_finite(values):
        raise UsageError(f"The score of example {names[int((~torch.isfinite(values)).nonzero()[0])]!s} is not finite; leave it out.")
    return rank_key(values, by), names


def _check(m: int, n: int, gamma: float | None, keep: float) -> None:
    if not 1 <= m <= n:
        raise UsageError(f"m={m} of {n} examples cannot be chosen; give 1 to {n}.")
    if gamma is not None and not (math.isfinite(gamma) and gamma >= 0):
        raise UsageError(f"gamma={gamma} is no weight of diversity; give 0 or more, or None and keep=.")
    if not 0 < keep <= 1:
        raise UsageError(f"keep={keep} is no share of influence; give more than 0 and at most 1.")
