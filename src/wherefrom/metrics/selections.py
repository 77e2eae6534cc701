"""Which training examples each of R runs selected, for each query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wherefrom.errors import UsageError
from wherefrom.metrics.aligned import Aligned, Runs, aligned
from wherefrom.metrics.ranks import constant
from wherefrom.scores import By, TopScores, positions_of, rank_key
from wherefrom.types import Ids


@dataclass(frozen=True, eq=False)
class Selections:
    """``chosen`` (R, q, u): whether a run has an example in its list, over the u examples that any may have, of n in all.

    ``known`` (q,) is false where a run's scores are constant, so that it has no top.
    """

    chosen: np.ndarray
    n: int
    known: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """The length of each list (R, q)."""
        return self.chosen.sum(2)


def selections(runs: Runs | Sequence[TopScores | Ids], *, k: int | None = None, n: int | None = None, by: By = "proponents") -> Selections:
    """The top ``k`` of scores, ties kept in the order of the data; or lists of ids, or :class:`TopScores`, out of ``n`` training examples."""
    if k is not None:
        tables: Any = list(runs)  # scores, for which there is a k
        return top_of(aligned(tables), k, by)
    if n is None:
        raise UsageError("Give k= with scores, or n=, the number of training examples, with lists of ids.")
    tops = [one for one in runs if isinstance(one, TopScores)]
    if tops and len(tops) == len(runs):
        shared = [key for key in tops[0].query_ids.tolist() if all(key in set(one.query_ids.tolist()) for one in tops)]
        if not shared:
            raise UsageError("The runs share no query id; compare lists of the same queries.")
        lists = [one.ids[positions_of(shared, one.query_ids, "query")] for one in tops]
    else:
        lists = [[list(np.asarray(one).tolist())] for one in runs]
    found = [[[str(key) for key in row] for row in run] for run in lists]
    names = {key: place for place, key in enumerate(sorted({key for run in found for row in run for key in row}))}
    if len(names) > n:
        raise UsageError(f"The lists name {len(names)} ids, but n={n}; n is the number of all training examples.")
    chosen = np.zeros((len(found), len(found[0]), max(len(names), 1)), dtype=bool)
    for i, run in enumerate(found):
        for j, row in enumerate(run):
            if len(set(row)) < len(row):
                raise UsageError(f"Run {i} names an id twice; each example has one rank.")
            chosen[i, j, [names[key] for key in row]] = True
    return Selections(chosen, n, np.ones(chosen.shape[1], dtype=bool))


def top_of(scores: Aligned, k: int, by: By) -> Selections:
    """The top ``k`` of each run and query; equal scores keep the order of the data."""
    values = scores.values
    if not 1 <= k <= values.shape[2]:
        raise UsageError(f"k={k} is not between 1 and the {values.shape[2]} training examples.")
    keys = rank_key(torch.from_numpy(values), by)
    order = keys.argsort(dim=2, descending=True, stable=True)[:, :, :k].numpy()
    chosen = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(chosen, order, True, 2)
    return Selections(chosen, values.shape[2], ~np.any([constant(run) for run in keys.numpy()], 0))
