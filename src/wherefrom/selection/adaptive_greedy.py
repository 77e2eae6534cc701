"""The most influential group of k, chosen one by one and all computed again after each, for the top k of a ranking are not it (Hu et al. 2024)."""

import numpy as np
import torch

from wherefrom.attribution import attribute
from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.methods import InfluenceFunction, parameter_change
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.scores import By, TopScores
from wherefrom.solvers import IHVP, FittedIHVP
from wherefrom.types import Ids


def adaptive_greedy(
    problem: Problem,
    queries: Queries,
    k: int,
    ihvp: IHVP | FittedIHVP = IHVP(),
    *,
    by: By = "proponents",
    ids: Ids | None = None,
    leverage: bool = True,
    progress: bool = True,
) -> TopScores:
    """k examples (of ``ids``) whose leaving out worsens the queries most ("proponents"), improves them most ("opponents"), or moves them most.

    The best example leaves, the parameters take the Newton step that this calls for, the curvature is fitted again, and the next one is chosen
    there. Scores are influence on the sum over the queries, with ``leverage`` unless it is turned off. ``values`` (1, k) are each choice's own effect
    when it was made, so that their sum predicts the effect of all; for linear regression that is exact. k rounds of two fits and one pass over the
    data. Greedy, so the best group is not certain: two examples that mask each other may both stay. Raises :class:`UsageError` for a k that is
    not below n.
    """
    if not 1 <= k < len(problem):
        raise UsageError(f"k={k} of {len(problem)} examples cannot be left out; give 1 or more that leave at least one.")
    fitted, now, chosen = ihvp.fit(problem), problem, []
    candidates = problem.train.ids if ids is None else problem.train.select(ids).ids
    if k > len(candidates):
        raise UsageError(f"k={k} is more than the {len(candidates)} ids to choose from; give more ids or a smaller k.")
    for left in track(range(k, 0, -1), "choosing one by one", k, progress):
        method = InfluenceFunction(fitted, leverage=leverage)
        best = attribute(method, now, queries, ids=candidates, aggregate=True, top=1, by=by, progress=False)
        chosen.append(best)
        candidates = candidates[candidates != best.ids[0, 0]]
        if left > 1:
            out = best.ids[0].tolist()
            step = parameter_change(now, {"chosen": out}, fitted, order="newton", progress=False)
            now = now.at(step.patched("chosen")).without(out)
            fitted = fitted.refitted(now)
    values, found = torch.cat([best.values for best in chosen], 1), np.concatenate([best.ids for best in chosen], 1)
    notes = tuple(dict.fromkeys(note for best in chosen for note in best.notes))
    method = f"adaptive_greedy({fitted.settings!r}, leverage={leverage})"
    return TopScores(values, found, chosen[0].query_ids, chosen[0].unit, method, by, None, problem.fingerprint(), notes)
