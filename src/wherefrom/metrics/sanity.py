"""Checks that a sound attribution passes and an unsound one may too: read each beside its chance (Hanawa et al. 2021; Bareeva et al. 2024)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wherefrom.errors import UsageError
from wherefrom.estimate import Estimate, undefined, vacuous
from wherefrom.metrics.aligned import aligned, finite
from wherefrom.metrics.bootstrap import FEW, LEVEL, PerQuery, student
from wherefrom.metrics.detection import Detection, average_precision_chance
from wherefrom.metrics.ranks import CONSTANT, constant, spearman_rows
from wherefrom.scores import Scores, TopScores, positions_of
from wherefrom.types import Id, Ids

Labels = Mapping[Any, Any] | Sequence[Any] | np.ndarray


def class_detection(scores: Scores | TopScores, train_labels: Labels, query_labels: Labels, *, k: int = 1) -> Estimate:
    """The share of each query's top ``k`` that bear its label; chance is that label's share of the training labels. Mean over queries.

    Labels are a mapping of ids, or one for each id of Scores in order; hidden subclass labels make it subclass detection. A method that
    compares labels alone scores 1, so a 1 proves little.
    """
    top, known, note = _top(scores, k)
    train = _labels(train_labels, scores.train_ids if isinstance(scores, Scores) else None, "training")
    asked = _labels(query_labels, scores.query_ids, "query")
    wanted = [_label(asked, key, "query") for key in scores.query_ids.tolist()]
    hits = np.array([[_label(train, key, "training") == label for key in row] for row, label in zip(top.tolist(), wanted, strict=True)])
    every = list(train.values())
    share = {label: sum(other == label for other in every) / len(every) for label in set(wanted)}
    values = np.where(known, hits.mean(1), np.nan)
    return PerQuery("class detection", values, CONSTANT, np.array([share[label] for label in wanted]), (0.0, 1.0), note=note).estimate()


def marked_detection(scores: Scores, marked: Ids, *, queries: Ids | Id | None = None) -> Estimate:
    """The average precision of the ``marked`` training ids by each query's scores; mean over queries. Chance: that of a random order.

    With examples that carry a shortcut, and ``queries`` that were misled by it, it is shortcut detection; with examples of another data set
    it is the detection of mixed data. No query, no marked example, or marked examples alone leave it undefined, not 0.
    """
    name, n = "average precision", len(scores.train_ids)
    asked = scores.query_ids if queries is None else np.atleast_1d(np.asarray(queries))
    places = positions_of(marked, scores.train_ids, "training")
    mask, every = np.zeros(n, dtype=bool), np.ones(n, dtype=np.int64)
    mask[places] = True
    if not len(asked) or not 0 < mask.sum() < n:
        return undefined(name, "no query was asked" if not len(asked) else "no training example is marked" if not mask.any() else "all are marked")
    values = finite(scores.values[positions_of(asked, scores.query_ids, "scored query")], "the scores")
    found = [np.nan if np.ptp(row) == 0 else Detection(row, mask).average_precision(every) for row in values]
    return PerQuery(name, np.array(found), CONSTANT, average_precision_chance(int(mask.sum()), n), (0.0, 1.0)).estimate()


def randomised_model(scores: Scores, randomised: Scores | Sequence[Scores]) -> Estimate:
    """Spearman's ρ with the scores of models whose parameters were drawn anew, averaged over the draws; mean over queries.

    Near 0 is what a method that looks at the model should give, and what random scores give too: read it beside a metric of faithfulness.
    """
    draws = [randomised] if isinstance(randomised, Scores) else list(randomised)
    if not draws:
        raise UsageError("There are no scores of a randomised model; give those of at least one, better five.")
    values = aligned([scores, *draws]).values
    rows = np.mean([spearman_rows(values[0], other) for other in values[1:]], 0)
    few = f"{len(draws)} drawn models; draw {FEW} or more" if len(draws) < FEW else ""
    found = PerQuery("Spearman with a randomised model", rows, CONSTANT, 0.0, note=few).estimate()
    return replace(found, status="underpowered") if few and found.status == "ok" else found


def distinct_top(scores: Scores | TopScores, *, k: int | None = None, n: int | None = None) -> Estimate:
    """The number of distinct training examples in the top ``k`` of all q queries, over q k: few where the same examples come up for all.

    Chance is n (1 - (1 - k/n)^q) / (q k), near the largest possible: random scores are the most diverse. It depends on q, so compare at the
    same queries. Interval: value ± t s of the jackknife over queries, which errs on the wide side. Vacuous at k = n; TopScores need ``n``.
    """
    length = k if k is not None else scores.ids.shape[1] if isinstance(scores, TopScores) else 1
    examples = len(scores.train_ids) if isinstance(scores, Scores) else n
    if examples is None:
        raise UsageError("TopScores do not know the number of training examples; give n=.")
    top, known, note = _top(scores, length)
    top, q, name = top[known], int(known.sum()), "distinct in the top"
    if length >= examples or not q:
        return vacuous(name, f"the top {length} is all {examples} training examples") if q else undefined(name, CONSTANT)
    _, inverse, times = np.unique(top, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(top.shape)
    alone = (times[inverse] == 1).sum(1)  # examples that leave the count when their query does
    value, chance = len(times) / (q * length), examples * (1 - (1 - length / examples) ** q) / (q * length)
    reasons = [note] if note else []
    if q == 1:
        return Estimate(name, value, n=q, chance=chance, status="underpowered", reason="; ".join(["one query has no interval", *reasons]))
    without = (len(times) - alone) / ((q - 1) * length)
    error = float(np.sqrt((q - 1) / q * np.square(without - without.mean()).sum()))
    low, high = student(value, error, q - 1, (1 / q, 1.0))
    reasons = [f"{q} queries give a rough interval; ask {FEW} or more", *reasons] if q < FEW else reasons
    return Estimate(name, value, low, high, LEVEL, q, chance, status="underpowered" if q < FEW else "ok", reason="; ".join(reasons))


def _top(scores: Scores | TopScores, k: int) -> tuple[np.ndarray, np.ndarray, str]:
    """The ids of the first ``k`` (q, k), which queries have a top at all (q,), and a note on queries whose last rank is tied with the next."""
    if isinstance(scores, TopScores):
        if not 1 <= k <= scores.ids.shape[1]:
            raise UsageError(f"k={k} is not between 1 and the {scores.ids.shape[1]} ids of each list.")
        return scores.ids[:, :k], np.ones(len(scores.ids), dtype=bool), ""
    if not 1 <= k <= len(scores.train_ids):
        raise UsageError(f"k={k} is not between 1 and the {len(scores.train_ids)} training examples.")
    values = finite(scores.values, "the scores")
    ranked, known = -np.sort(-values, axis=1), ~constant(values)
    tied = int((ranked[known, k - 1] == ranked[known, k]).sum()) if k < values.shape[1] else 0
    return scores.top(k).ids, known, f"rank {k} is tied with the next for {tied} of {len(values)} queries and decided by position" if tied else ""


def _labels(labels: Labels, ids: np.ndarray | None, what: str) -> Mapping[Any, Any]:
    if isinstance(labels, Mapping):
        return labels
    given = np.asarray(labels).tolist()
    if ids is None or len(given) != len(ids):
        why = "TopScores do not hold all training ids" if ids is None else f"there are {len(given)} labels for {len(ids)} {what} ids"
        raise UsageError(f"Labels cannot be told apart, for {why}; give a mapping of each {what} id to its label.")
    return dict(zip(ids.tolist(), given, strict=True))


def _label(labels: Mapping[Any, Any], key: object, what: str) -> object:
    if key not in labels:
        raise UsageError(f"The {what} id {key!r} has no label; give one for each.")
    return labels[key]
