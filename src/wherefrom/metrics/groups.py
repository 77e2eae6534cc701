"""What scores say of groups that were left out: the sum of their members' scores, beside what retraining showed."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.metrics.aligned import finite
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores, positions_of
from wherefrom.types import Id, Ids


def group_sums(scores: Scores, groups: Mapping[str, Sequence[Id]], query_ids: np.ndarray) -> np.ndarray:
    """Σ of the scores of each group's ids (q, m), in float64."""
    places = positions_of([key for ids in groups.values() for key in ids], scores.train_ids, "training")
    rows = torch.from_numpy(positions_of(query_ids, scores.query_ids, "scored query"))
    values = scores.values[rows].double()
    parts = np.split(places, np.cumsum([len(ids) for ids in groups.values()])[:-1])
    return finite(torch.stack([values[:, torch.from_numpy(part)].sum(1) for part in parts], 1), "the scores of the groups")


def worsening(outcomes: Outcomes, query_ids: np.ndarray) -> np.ndarray:
    """How much worse each query's measurement is without each group, for each seed (R, q, m), in float64."""
    rows = torch.from_numpy(positions_of(query_ids, outcomes.query_ids, "retrained query"))
    change = outcomes.sign * (outcomes.values.double() - outcomes.baseline.double()[:, :, None])[:, rows]
    if not torch.isfinite(change).all():
        seed, query, group = torch.nonzero(~torch.isfinite(change))[0].tolist()
        name = list(outcomes.groups)[group]
        raise UsageError(f"The outcome of query {query_ids[query]} without group {name!r} is not finite (seed {seed}); train again.")
    return change.numpy()


def asked(scores: Scores, outcomes: Outcomes, queries: Ids | Id | None) -> np.ndarray:
    """The ids of the queries to look at; scores of another measurement than the outcomes' are refused."""
    if scores.unit not in ("arbitrary", outcomes.unit):
        raise UsageError(f"Scores predict a {scores.unit} and the outcomes show a {outcomes.unit}; retrain with the same measurement.")
    return outcomes.query_ids if queries is None else np.atleast_1d(np.asarray(queries))


Own = Mapping[Any, Collection[str]] | None


def by_size(outcomes: Outcomes, query_ids: np.ndarray, own: Own) -> dict[int, np.ndarray]:
    """Group size, ascending -> for each query the columns (q, draws) of its groups of that size.

    ``own`` maps a query's id to the names of the groups that were chosen for it; a group that it gives to no query counts for all.
    """
    twice = [name for name, ids in outcomes.groups.items() if len(set(ids)) < len(ids)]
    if twice:
        raise UsageError(f"Group {twice[0]!r} names an id twice; leave out distinct examples.")
    shared = set(outcomes.groups).difference(*(names for names in (own or {}).values()))
    found: dict[int, list[list[int]]] = {len(ids): [[] for _ in query_ids] for ids in sorted(outcomes.groups.values(), key=len)}
    for column, (name, ids) in enumerate(outcomes.groups.items()):
        for row, query in enumerate(query_ids.tolist()):
            if name in shared or name in (own or {}).get(query, ()):
                found[len(ids)][row].append(column)
    for size, columns in found.items():
        if len({len(row) for row in columns}) > 1 or not columns[0]:
            raise UsageError(f"The queries do not all have equally many groups of {size} examples; choose the same sizes for each query.")
    return {size: np.array(columns) for size, columns in found.items()}
