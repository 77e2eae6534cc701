"""Removal curves: how much worse it gets as more of a ranking's top is left out, beside random arms retrained with the same seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate
from wherefrom.metrics.bootstrap import FEW, LEVEL, satterthwaite, student
from wherefrom.metrics.groups import Own, by_size, worsening
from wherefrom.metrics.significance import benjamini_hochberg, holm, t_test
from wherefrom.retraining import Outcomes, Removal
from wherefrom.types import Id, Ids

SAME = 1e-4  # relative: baselines of the same seeds differ by less, whatever the order of a sum


@dataclass(frozen=True)
class Difference:
    """How much more one arm worsens than a control: at each size, and on average over sizes (``area``), with p-values of each size.

    ``holm`` and ``benjamini_hochberg`` are adjusted for all cells of all comparisons; ``None`` where one seed has no test.
    """

    at: tuple[Estimate, ...]
    area: Estimate
    p_values: tuple[float | None, ...]
    holm: tuple[float | None, ...] = ()
    benjamini_hochberg: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class RemovalCurves:
    """The mean worsening of the queries for each arm at each size, and each arm's excess over each control, by (arm, control)."""

    sizes: tuple[int, ...]
    curves: Mapping[str, tuple[Estimate, ...]]
    differences: Mapping[tuple[str, str], Difference]

    def __str__(self) -> str:
        lines = [str(point) for curve in self.curves.values() for point in curve]
        return "\n".join(lines + [str(found.area) for found in self.differences.values()])


def removal_curves(
    arms: Mapping[str, Outcomes | Sequence[Outcomes]] | Removal, *,
    controls: Sequence[str] | Mapping[str, Sequence[str]] = ("random",), queries: Ids | Id | None = None, own: Own = None,
) -> RemovalCurves:  # fmt: skip
    """Curves and differences of arms such as {"influence": ..., "random": ..., "random of the class": ...}, the latter two the ``controls``.

    ``arms`` is a :class:`Removal` as :func:`removal_curve` gives it, with its controls and its queries' own groups; or outcomes by name, a
    list of them where sets differ by seed: one for each seed. Each arm's outcomes have groups of the same sizes; several groups of one size
    are draws, and are averaged. ``controls``: names for all arms, or an arm's own. ``own`` maps a query's id to the names of the groups that
    were chosen for it, where scores are each query's own; a group that it gives to no query counts for all. Every arm was retrained with the
    same R seeds, so that differences are taken seed by seed. A point is the mean over queries and draws of the worsening, with Student's
    interval over seeds; a difference's interval adds the variance between the control's draws, where the seeds share several. Draws of each
    seed's own vary with the seed and need nothing added. Sizes count examples: compare arms by them, not by shares of different data.
    """
    if isinstance(arms, Removal):
        arms, controls, own = arms.arms, arms.controls, arms.own
    each = {name: (found,) if isinstance(found, Outcomes) else tuple(found) for name, found in arms.items()}
    pairs = _pairs(each, controls)
    tables = {name: _over_seeds(name, found, queries, own) for name, found in each.items()}
    sizes = _same_design(each, tables)
    curves = {name: tuple(_point(f"{name}, {size} left out", table[size].mean(1)) for size in sizes) for name, table in tables.items()}
    found = {pair: _difference(pair, tables[pair[0]], tables[pair[1]], sizes, len(each[pair[1]]) > 1) for pair in pairs}
    return RemovalCurves(sizes, curves, _adjusted(found))


def _pairs(arms: Mapping[str, Any], controls: Sequence[str] | Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Each arm with each of its controls."""
    if not isinstance(controls, Mapping):
        controls = {arm: tuple(controls) for arm in arms if arm not in controls}
    pairs = [(arm, control) for arm, names in controls.items() for control in names]
    if not pairs or any(name not in arms for pair in pairs for name in pair):
        told = sorted({control for names in controls.values() for control in names}) or "none"
        raise UsageError(f"The arms are {sorted(arms)} and the controls {told}; give at least one control and one arm to compare with it.")
    return pairs


def _over_seeds(name: str, found: Sequence[Outcomes], queries: Any, own: Own) -> dict[int, np.ndarray]:
    """Size -> the mean worsening over queries (R, draws); draws of each seed's own are averaged: (R, 1)."""
    tables = [_table(outcomes, queries, own) for outcomes in found]
    if len(tables) == 1:
        return tables[0]
    if any(len(outcomes.baseline) != 1 for outcomes in found) or any(table.keys() != tables[0].keys() for table in tables):
        raise UsageError(f"Arm {name!r} has a list of outcomes; give one for each seed, each of one seed and of the same sizes.")
    return {size: np.concatenate([table[size].mean(1, keepdims=True) for table in tables]) for size in tables[0]}


def _table(outcomes: Outcomes, queries: Any, own: Own) -> dict[int, np.ndarray]:
    """Size -> the mean worsening over queries (R, draws)."""
    asked = outcomes.query_ids if queries is None else np.atleast_1d(np.asarray(queries))
    change, rows = worsening(outcomes, asked), np.arange(len(asked))[:, None]
    return {size: change[:, rows, columns].mean(1) for size, columns in by_size(outcomes, asked, own).items()}


def _same_design(arms: Mapping[str, Sequence[Outcomes]], tables: Mapping[str, dict[int, np.ndarray]]) -> tuple[int, ...]:
    baselines = {name: torch.cat([outcomes.baseline.double() for outcomes in found]) for name, found in arms.items()}
    (first, reference), *others = baselines.items()
    for name, baseline in others:
        if tables[name].keys() != tables[first].keys():
            raise UsageError(f"Arm {first!r} leaves out {list(tables[first])} examples and {name!r} {list(tables[name])}; remove the same numbers.")
        if baseline.shape != reference.shape or not torch.allclose(baseline, reference, rtol=SAME, atol=SAME * float(reference.abs().max())):
            raise UsageError(f"Arms {first!r} and {name!r} have different baselines; retrain all arms with the same seeds, for the same queries.")
    for name, table in tables.items():
        if len({draws.shape[1] for draws in table.values()}) > 1:
            raise UsageError(f"Arm {name!r} has not the same number of groups of each size; draw equally often.")
    return tuple(tables[first])


def _point(name: str, values: np.ndarray) -> Estimate:
    """The mean over seeds (R,)."""
    seeds, value = len(values), float(values.mean())
    if seeds < 2:
        return Estimate(name, value, n=seeds, status="underpowered", reason="one seed has no interval; retrain with 5 or more")
    low, high = student(value, float(values.std(ddof=1)) / seeds**0.5, seeds - 1)
    reason = f"{seeds} seeds give a rough interval; retrain with {FEW} or more" if seeds < FEW else ""
    return Estimate(name, value, low, high, LEVEL, seeds, status="underpowered" if reason else "ok", reason=reason)


def _difference(
    pair: tuple[str, str], arm: Mapping[int, np.ndarray], control: Mapping[int, np.ndarray], sizes: Sequence[int], drawn: bool
) -> Difference:  # fmt: skip
    excess = np.stack([arm[size].mean(1)[:, None] - control[size] for size in sizes])  # (sizes, R, draws)
    named = " above ".join(pair)
    tested = [_tested(f"{named}, {size} left out", cell, drawn) for size, cell in zip(sizes, excess, strict=True)]
    widths = np.gradient(np.array(sizes, dtype=float)) if len(sizes) > 1 else np.ones(1)
    widths[[0, -1]] /= 2 if len(sizes) > 1 else 1  # of the trapezoidal rule
    area, _ = _tested(f"{named}, mean over sizes", np.tensordot(widths / widths.sum(), excess, 1), drawn)
    return Difference(tuple(estimate for estimate, _ in tested), area, tuple(p for _, p in tested))


def _tested(name: str, excess: np.ndarray, drawn: bool) -> tuple[Estimate, float | None]:
    """The mean of paired differences (R, draws), its interval and its p-value; ``drawn``: the control was drawn anew for each seed."""
    seeds, draws = excess.shape
    found = _point(name, excess.mean(1))
    if seeds < 2:
        return replace(found, chance=0.0), None
    parts = [(float(excess.mean(1).var(ddof=1)) / seeds, seeds - 1)]
    if draws > 1:
        rest = excess - excess.mean(0) - excess.mean(1, keepdims=True) + excess.mean()
        between = float(excess.mean(0).var(ddof=1)) - float(np.square(rest).sum()) / ((seeds - 1) * (draws - 1)) / seeds
        parts.append((max(between, 0.0) / draws, draws - 1))
    error, freedom = satterthwaite(*parts)
    low, high = student(float(excess.mean()), error, freedom)
    reason = "; ".join(filter(None, (found.reason, "one draw of the control: its luck is not in the interval" if draws == 1 and not drawn else "")))
    return Estimate(name, found.value, low, high, LEVEL, seeds, 0.0, None, found.status, reason), t_test(float(excess.mean()), error, freedom)


def _adjusted(found: Mapping[tuple[str, str], Difference]) -> dict[tuple[str, str], Difference]:
    p_values = [p for difference in found.values() for p in difference.p_values]
    known = [p for p in p_values if p is not None]
    if not known:
        return {pair: replace(one, holm=one.p_values, benjamini_hochberg=one.p_values) for pair, one in found.items()}
    adjusted, start = {}, 0
    by_holm, by_rate = holm(known).tolist(), benjamini_hochberg(known).tolist()
    for pair, one in found.items():
        cells = slice(start, start := start + len(one.p_values))
        adjusted[pair] = replace(one, holm=tuple(by_holm[cells]), benjamini_hochberg=tuple(by_rate[cells]))
    return adjusted
