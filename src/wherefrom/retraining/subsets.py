"""Outcomes of training on random subsets: what datamodels are fitted to and LDS is measured on (Ilyas et al. 2022, Park et al. 2023)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.outcomes import Outcomes
from wherefrom.retraining.retrain import retrain_without
from wherefrom.retraining.run import Train


def subset_outcomes(
    problem: Problem,
    queries: Queries,
    train: Train,
    *,
    subsets: int = 100,
    fraction: float = 0.5,
    seed: int = 0,
    normalise: bool = True,
    seeds: Sequence[int] = (0,),
    jobs: int | None = None,
    out: str | Path | None = None,
    progress: bool = True,
) -> Outcomes:
    """Each query's measurement after training on each of ``subsets`` random subsets of round(``fraction`` n) examples.

    :func:`retrain_without` with the complements for groups: ``Outcomes.groups`` holds, under "subset 0", "subset 1", ..., the ids that were
    *left out*, in the order of the data; the baseline is the whole training set. So a predicted worsening is a sum over the ids of a group
    here as everywhere, and its rank correlation with ``Outcomes.change`` is LDS, for the scores of all examples have one sum. ``seed`` draws
    the subsets, ``seeds`` train; ``jobs``, ``out`` and ``progress`` are those of :func:`retrain_without`; each training starts from the problem's
    parameters. ``normalise=True`` makes each subset a data set of its own, N = what is in it; False leaves N.
    """
    n, size = len(problem), round(fraction * len(problem))
    if not 0 < size < n:
        raise UsageError(f"fraction={fraction} of {n} examples is {size}; give a fraction that keeps at least one and leaves at least one out.")
    if subsets < 1:
        raise UsageError(f"subsets={subsets} is no number of subsets; give 1 or more.")
    random = np.random.default_rng(seed)
    left = [np.sort(random.permutation(n)[size:]) for _ in range(subsets)]
    groups = {f"subset {number}": problem.ids[places].tolist() for number, places in enumerate(left)}
    return retrain_without(problem, groups, queries, train, seeds=seeds, normalise=normalise, jobs=jobs, out=out, progress=progress)
