"""Stability of methods over trained models, and their agreement on each beside chance and what noise allows (Spearman 1904)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import torch

from wherefrom.attribution import attribute
from wherefrom.compare.trained import TrainedRun
from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined, vacuous
from wherefrom.methods import Method, RandomScores
from wherefrom.metrics import ConfigurationEffect, SharedTop, Stability, configuration_effect, shared_top, stability
from wherefrom.metrics.aligned import aligned
from wherefrom.metrics.bootstrap import PerQuery, over_runs
from wherefrom.metrics.lists import kuncheva_each, top_lists
from wherefrom.metrics.ranks import CONSTANT, kendall_each
from wherefrom.progress import track
from wherefrom.scores import By, Scores

Estimand = Literal["this model", "models trained like it"]
MethodOf = Callable[[TrainedRun, int], Method]
RANDOM = "random"


@dataclass(frozen=True)
class PairAgreement:
    """How far two methods agree on the same model: τ-b of whole rankings and Kuncheva's index of the top k.

    ``ceiling`` is √(the one's stability × the other's), of the same figure: what two measurements of the same thing would reach, each as noisy
    as it is. Methods share the noise of a model that both are asked about, so that they may lie above it.
    """

    kendall: Estimate
    kuncheva: Estimate

    def estimates(self) -> tuple[Estimate, ...]:
        """Both."""
        return (self.kendall, self.kuncheva)


@dataclass(frozen=True, eq=False)
class Consistency:
    """What :func:`consistency` found; every mapping has a row of ``random`` scores, which shows chance.

    ``shared``: the ids in the top k of all of a method's runs; ``shared_by_all``: of all methods (random aside) on all runs.
    ``configurations``: per method, where runs have several. ``seconds`` are those of one run's scores.
    """

    estimand: Estimand
    k: int
    scores: Mapping[str, tuple[Scores, ...]]
    stability: Mapping[str, Stability]
    agreement: Mapping[tuple[str, str], PairAgreement]
    shared: Mapping[str, SharedTop]
    shared_by_all: SharedTop
    configurations: Mapping[str, ConfigurationEffect]
    seconds: Mapping[str, float]
    runs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{name}: {figure}" for name, found in self.stability.items() for figure in (found.nogueira, found.kendall)]
        return "\n".join(lines + [f"{' and '.join(pair)}: {figure}" for pair, found in self.agreement.items() for figure in found.estimates()])


def consistency(
    methods: Mapping[str, Method | MethodOf], runs: Sequence[TrainedRun], queries: Queries, *,
    estimand: Estimand, k: int = 10, share: float = 1.0, by: By = "proponents", repeats: int = 5, progress: bool = True,
) -> Consistency:  # fmt: skip
    """Ask each method about the same queries on the same models, and see how far it agrees with itself and with the others.

    A method is its settings, or a function (run, draw) -> settings, for one that needs the run's checkpoints or draws at random. Scores meet on
    the training ids that all runs have. ``estimand="models trained like it"``: noise is what differs between runs; stability is over runs, and
    intervals leave one run out at a time. ``"this model"``: one run, whose seed and order are part of the question; noise is the estimator's own,
    over ``repeats`` draws of a function's ``draw`` (settings alone repeat to the bit), and intervals of agreement are over queries. ``share`` of
    runs makes an id shared. k = n is vacuous, constant scores undefined, disjoint tops below 0. To compare dampings or layers, give each as a
    method. Raises :class:`UsageError` where runs share no id, and for several runs of this model.
    """
    if estimand not in ("this model", "models trained like it") or (estimand == "this model") != (len(runs) == 1):
        told = f"estimand={estimand!r} with {len(runs)} runs"
        raise UsageError(f"{told}: 'this model' is about one run, 'models trained like it' about several; give one of the two.")
    named = {**methods} if RANDOM in methods else {**methods, RANDOM: lambda run, draw: RandomScores(draw)}
    asked, common = runs[0].problem.examples(queries), _common(runs)
    units = [(run, draw) for draw, run in enumerate(runs)] if len(runs) > 1 else [(runs[0], draw) for draw in range(repeats)]
    if len(units) < 2:
        raise UsageError(f"repeats={repeats} shows no noise; give 2 or more.")
    found = {name: _scored(name, method, units, asked, common, progress) for name, method in named.items()}
    scores = {name: one for name, (one, _) in found.items()}
    steady = {name: stability(one, k=k, by=by, progress=False) for name, one in track(scores.items(), "stability", len(scores), progress)}
    pairs = track(list(combinations(named, 2)), "agreement", len(named) * (len(named) - 1) // 2, progress)
    agreed = {(a, b): _agreement(scores[a], scores[b], steady[a], steady[b], k, by, len(runs) > 1) for a, b in pairs}
    shared = {name: shared_top(one, k=k, share=share, by=by) for name, one in scores.items()}
    everyone = [one for name, each in scores.items() if name != RANDOM or len(named) == 1 for one in each]
    names = [run.configuration for run in runs]
    several = len(set(names)) > 1 and len(set(names)) < len(names)
    effects = {name: configuration_effect(one, names, k=k, by=by) for name, one in scores.items()} if several else {}
    seconds = {name: spent for name, (_, spent) in found.items()}
    labels = tuple(run.label if len(runs) > 1 else f"{run.label}, draw {draw}" for run, draw in units)
    last = shared_top(everyone, k=k, share=share, by=by)
    return Consistency(estimand, k, scores, steady, agreed, shared, last, effects, seconds, labels, _notes(runs))


def _common(runs: Sequence[TrainedRun]) -> np.ndarray:
    shared = set(runs[0].problem.ids.tolist()).intersection(*(run.problem.ids.tolist() for run in runs[1:]))
    if not shared:
        raise UsageError("The runs share no training id; compare runs whose training sets overlap.")
    ids = runs[0].problem.ids
    return ids[[key in shared for key in ids.tolist()]]


def _scored(
    name: str, method: Method | MethodOf, units: Sequence[tuple[TrainedRun, int]], asked: Examples, common: np.ndarray, progress: bool
) -> tuple[tuple[Scores, ...], float]:  # fmt: skip
    """Scores of every run or draw, and the mean seconds of one."""
    once = isinstance(method, Method) and all(run is units[0][0] for run, _ in units)
    found, start = [], time.perf_counter()
    for run, draw in units[:1] if once else units:
        settings = method if isinstance(method, Method) else method(run, draw)
        if not isinstance(settings, Method):
            raise UsageError(f"Method {name!r} gave a {type(settings).__name__}; give settings, or a function (run, draw) that returns them.")
        found.append(attribute(settings, run.problem, asked, ids=common, progress=progress))
    spent = (time.perf_counter() - start) / len(found)
    return tuple(found * len(units) if once else found), spent


def _agreement(
    a: Sequence[Scores], b: Sequence[Scores], of_a: Stability, of_b: Stability, k: int, by: By, over: bool
) -> PairAgreement:  # fmt: skip
    """Each figure on every run, with an interval over runs or (``over`` false) over queries."""
    both = [aligned(pair).values for pair in zip(a, b, strict=True)]
    n = both[0].shape[2]
    whole = [kendall_each(x, y, progress=False) for x, y in both]
    tops = [kuncheva_each(top_lists(values, k, by)) for values in both] if k < n else []
    same = vacuous("Kuncheva", f"the lists hold all {n} training examples; take a smaller k", len(both))
    return PairAgreement(
        _over(whole, _ceiling(of_a.kendall, of_b.kendall), over),
        _over(tops, _ceiling(of_a.nogueira, of_b.nogueira), over) if tops else same,
    )


def _over(each: Sequence[PerQuery], ceiling: float | None, over: bool) -> Estimate:
    first, rows = each[0], np.stack([one.values for one in each])
    if not over:
        return replace(replace(first, values=rows.mean(0)).estimate(), ceiling=ceiling)
    known = np.isfinite(rows).min(axis=0)
    if not known.any():
        return undefined(first.name, CONSTANT, len(rows))
    of_run = rows[:, known].mean(1)
    without = np.array([np.delete(of_run, run).mean() for run in range(len(rows))])
    found = over_runs(first.name, float(of_run.mean()), without, chance=0.0)
    left_out = "" if known.all() else f"{int((~known).sum())} of {len(known)} queries left out: {CONSTANT}"
    return replace(found, ceiling=ceiling, reason="; ".join(filter(None, (found.reason, left_out))))


def _ceiling(a: Estimate, b: Estimate) -> float | None:
    return None if a.value is None or b.value is None else (max(a.value, 0.0) * max(b.value, 0.0)) ** 0.5


def _notes(runs: Sequence[TrainedRun]) -> tuple[str, ...]:
    """What was not varied."""
    first = runs[0].problem.parameters
    same = len(runs) > 1 and all(
        run.problem.parameters.keys() == first.keys() and all(torch.equal(value, first[name]) for name, value in run.problem.parameters.items())
        for run in runs[1:]
    )
    return ("Every run ended at the same weights: the seed changes nothing, so stability says nothing of training.",) if same else ()
