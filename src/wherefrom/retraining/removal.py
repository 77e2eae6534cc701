"""Removal curves by retraining: the top of each ranking is left out, beside random sets of as many examples and of the same classes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.outcomes import Outcomes
from wherefrom.retraining.retrain import retrain_without
from wherefrom.retraining.run import Train
from wherefrom.retraining.utility import classes_of
from wherefrom.scores import By, Scores, TopScores, positions_of, rank_key
from wherefrom.types import Id, Ids, Labels

RANDOM = "random"
Ranking = Scores | TopScores | Ids | Sequence[Scores] | Sequence[TopScores]
Members = dict[str, tuple[object, Sequence[Id]]]  # a set's name -> the query that it is of (None: all of them), and its ids
Orders = dict[object, list[Id]]  # a query's id (None: all of them) -> training ids, those to leave out first


@dataclass(frozen=True, eq=False)
class Removal:
    """What leaving the tops out did: for each arm its outcomes seed by seed, each seed with the sets that were left out in it.

    ``controls`` names for each ranking the random arms that it is compared with; ``own`` the groups of each query, where rankings are each
    query's own. :func:`wherefrom.metrics.removal_curves` takes it as it is.
    """

    arms: Mapping[str, tuple[Outcomes, ...]]
    controls: Mapping[str, tuple[str, ...]]
    own: Mapping[object, tuple[str, ...]]
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    n: int

    @property
    def fractions(self) -> tuple[float, ...]:
        """The sizes as shares of the n training examples."""
        return tuple(size / self.n for size in self.sizes)


def removal_curve(
    problem: Problem, rankings: Mapping[str, Ranking], queries: Queries, train: Train, *,
    sizes: Sequence[int] | None = None, fractions: Sequence[float] | None = None, seeds: Sequence[int] = range(5),
    own: bool = False, by: By = "proponents", classes: Labels | str | None = "targets", draws: int = 1, draw_seed: int = 0,
    normalise: bool = False, jobs: int | None = None, out: str | Path | None = None, progress: bool = True,
) -> Removal:  # fmt: skip
    """Train without the first ``sizes`` (or ``fractions`` of n) examples of each ranking, with each of ``seeds``, and measure the queries.

    A ranking is ids in order, :class:`Scores` of one row (``attribute(..., aggregate=True)`` over a *validation* set, so that the queries are
    an untouched *test* set), or a :class:`TopScores`; or a list of them, one for each seed, made on that seed's model. With ``own=True`` each
    row is the ranking of the query with its id, and is judged on that query alone. Controls, drawn anew for each seed, ``draws`` times: the arm
    "random", and for each ranking "random, classes as in ..." of as many examples of each class as it leaves out. ``classes`` are (n,) labels,
    by default the targets; None leaves that control out. All arms share the seeds and each seed's baseline. ``normalise``, ``jobs``, ``out``
    and ``progress`` are those of :func:`retrain_without`: with a file a kill loses the run in hand alone. Raises :class:`UsageError` for sizes beyond
    n - 2, constant scores, rankings that are too short or of other queries, and targets that are no classes.
    """
    seeds, asked = tuple(map(int, seeds)), problem.examples(queries)
    if not rankings or RANDOM in rankings:
        raise UsageError("Give at least one ranking, and call none 'random': that is a control, drawn here.")
    if draws < 1 or not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"seeds={list(seeds)} and draws={draws}: give distinct seeds and 1 or more draws.")
    counts, labels = _sizes(len(problem), sizes, fractions), _labels(problem, classes)
    design = _Design(rankings, counts, labels, draws, by, asked.ids if own else None)
    again = partial(retrain_without, problem, queries=asked, train=train, normalise=normalise, jobs=jobs, out=out, progress=progress)
    arms: dict[str, list[Outcomes]] = {}
    groups: dict[str, Members] = {}
    for place, seed in enumerate(seeds):
        groups = design.groups(problem.ids, np.random.default_rng([draw_seed, seed]), place, len(seeds))
        for name, outcomes in _retrained(groups, partial(again, seeds=(seed,))).items():
            arms.setdefault(name, []).append(outcomes)
    chosen: dict[object, tuple[str, ...]] = {}  # the names are the same for every seed
    for query, name in ((query, name) for members in groups.values() for name, (query, _) in members.items() if query is not None):
        chosen[query] = (*chosen.get(query, ()), name)
    controls = {name: tuple(control for control in (RANDOM, alike(name)) if control in arms) for name in rankings}
    return Removal({name: tuple(each) for name, each in arms.items()}, controls, chosen, counts, seeds, len(problem))


def alike(name: str) -> str:
    """What the control of the same classes is called."""
    return f"{RANDOM}, classes as in {name}"


@dataclass(frozen=True, eq=False)
class _Design:
    """What is left out of whom."""

    rankings: Mapping[str, Ranking]
    counts: tuple[int, ...]
    labels: Mapping[object, object] | None
    draws: int
    by: By
    asked: np.ndarray | None

    def groups(self, ids: np.ndarray, random: np.random.Generator, place: int, seeds: int) -> dict[str, Members]:
        """Each arm's sets for one seed."""
        found: dict[str, Members] = {}
        for name, ranking in self.rankings.items():
            orders = _orders(name, _of_seed(name, ranking, place, seeds), self.asked, self.counts[-1], self.by)
            found[name] = {_named(name, k, query): (query, order[:k]) for query, order in orders.items() for k in self.counts}
        shuffled = [random.permutation(ids).tolist() for _ in range(self.draws)]
        found[RANDOM] = {_named(RANDOM, k, None, draw): (None, order[:k]) for draw, order in enumerate(shuffled) for k in self.counts}
        if self.labels is None:
            return found
        for name in self.rankings:
            found[alike(name)] = {
                f"{alike(name)}: {top}, draw {draw}": (query, self._matched(taken, order))
                for top, (query, taken) in found[name].items()
                for draw, order in enumerate(shuffled)
            }
        return found

    def _matched(self, taken: Sequence[Id], order: Sequence[Id]) -> list[Id]:
        """Of each class as many examples as are taken, the first of a random order."""
        labels = self.labels or {}
        wanted = Counter(labels[key] for key in taken if key in labels)
        chosen = []
        for key in order:
            if wanted[labels[key]] > 0:
                wanted[labels[key]] -= 1
                chosen.append(key)
        return chosen


def _sizes(n: int, sizes: Sequence[int] | None, fractions: Sequence[float] | None) -> tuple[int, ...]:
    if (sizes is None) == (fractions is None):
        raise UsageError("Give sizes=, numbers of examples to leave out, or fractions=, shares of them.")
    counts = tuple(int(size) for size in sizes) if sizes is not None else tuple(round(share * n) for share in fractions or ())
    if not counts or list(counts) != sorted(set(counts)) or counts[0] < 1 or counts[-1] > n - 2:
        raise UsageError(f"Leaving out {list(counts)} of {n} examples: give ascending sizes from 1 to {n - 2}, which leave something.")
    return counts


def _labels(problem: Problem, classes: Labels | str | None) -> dict[object, object] | None:
    if classes is None:
        return None
    if isinstance(classes, str):
        try:
            found = classes_of(problem).tolist()
        except UsageError as error:
            raise UsageError("The targets are no classes to draw alike from; give classes=, a label for each training example, or None.") from error
    else:
        found = np.asarray(classes).tolist()
    if len(found) != len(problem):
        raise UsageError(f"{len(found)} classes for {len(problem)} training examples; give one for each.")
    return dict(zip(problem.ids.tolist(), found, strict=True))


def _of_seed(name: str, ranking: Any, place: int, seeds: int) -> Any:
    """The ranking of one seed, where there is one for each."""
    if not isinstance(ranking, (list, tuple)) or not len(ranking) or not isinstance(ranking[0], (Scores, TopScores)):
        return ranking
    if len(ranking) != seeds:
        raise UsageError(f"Ranking {name!r} has {len(ranking)} scores for {seeds} seeds; give one for each seed, or one for all.")
    return ranking[place]


def _orders(name: str, ranking: Any, asked: np.ndarray | None, deepest: int, by: By) -> Orders:
    """The order in which one ranking leaves examples out: of each query asked, or of all at once."""
    if isinstance(ranking, Scores):
        keys = rank_key(ranking.values, by)
        flat = (keys == keys[:, :1]).all(1)
        if bool(flat.any()):
            raise UsageError(f"Ranking {name!r} scores all alike for query {ranking.query_ids[int(flat.int().argmax())]!s}; it has no top.")
        ranked = ranking.train_ids[keys.argsort(dim=1, descending=True, stable=True)[:, :deepest].numpy()]
    else:
        ranked = np.atleast_2d(ranking.ids if isinstance(ranking, TopScores) else np.asarray(ranking))
    if ranked.shape[1] < deepest:
        raise UsageError(f"Ranking {name!r} has {ranked.shape[1]} examples; leaving {deepest} out needs as many.")
    if asked is None:
        if len(ranked) != 1:
            raise UsageError(f"Ranking {name!r} has {len(ranked)} rows; give one, attribute(..., aggregate=True) over validation data, or own=True.")
        return {None: ranked[0].tolist()}
    if not isinstance(ranking, (Scores, TopScores)):
        raise UsageError(f"Ranking {name!r} names no queries; with own=True give Scores or TopScores of the queries.")
    rows = positions_of(asked, ranking.query_ids, "ranked query")
    return {query: ranked[row].tolist() for query, row in zip(asked.tolist(), rows, strict=True)}


def _named(arm: str, size: int, query: object, draw: int | None = None) -> str:
    return f"{arm}, {size} left out" + ("" if query is None else f", query {query}") + ("" if draw is None else f", draw {draw}")


def _retrained(groups: Mapping[str, Members], retrain: Callable[[Mapping[str, list[Id]]], Outcomes]) -> dict[str, Outcomes]:
    """Each arm's outcomes; a set that several arms leave out is trained without once."""
    sets: dict[frozenset[Id], str] = {}
    for arm in groups.values():
        for name, (_, ids) in arm.items():
            if len(set(ids)) < len(ids):
                raise UsageError(f"{name!r} names an id twice; each example has one rank.")
            sets.setdefault(frozenset(ids), name)
    once = {name: list(ids) for ids, name in sets.items()}
    whole = retrain(once)
    place, found = {name: column for column, name in enumerate(once)}, {}
    for arm, members in groups.items():
        columns = [place[sets[frozenset(ids)]] for _, ids in members.values()]
        ids_of = {name: ids for name, (_, ids) in members.items()}
        found[arm] = Outcomes(whole.values[:, :, columns], whole.baseline, ids_of, whole.query_ids, whole.sign, whole.unit)
    return found
