"""The effect of leaving examples out, by training again without them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor

from whence.errors import UsageError
from whence.examples import Examples
from whence.problem import Problem
from whence.progress import track
from whence.scores import Groups, group_ids
from whence.truth.ledger import Ledger, manifest_of
from whence.truth.outcomes import Outcomes
from whence.truth.run import Run, Train, TrainMany
from whence.truth.together import CHUNK as TOGETHER


def retrain_without(
    problem: Problem,
    groups: Groups,
    queries: Any,
    train: Train,
    *,
    seeds: Sequence[int] = (0,),
    normalise: bool = False,
    jobs: int | None = None,
    out: str | Path | None = None,
    progress: bool = True,
) -> Outcomes:
    """Each query's measurement after training without each group (name -> ids, or a name per training example).

    ``train`` is called with (problem without the group, seed) and returns its parameters. N stays, unless
    ``normalise=True`` divides by what is left. A trainer that can do many at once is given them all; others run
    in ``jobs`` processes, or where ``joblib.parallel_config`` says (its Dask and Ray backends among others). With ``out``,
    a file, every outcome is kept as soon as it is there, by the ids left out and the seed: the same call after a kill goes
    on and gives the same bits, and no call trains what the file knows. Models that are trained together are 24 at a time then, kept and
    lost together. Raises :class:`UsageError` for a file of another problem, other queries or another trainer.
    """
    asked, named = problem.examples(queries), group_ids(groups, problem.ids)
    if not len(seeds):
        raise UsageError("There are no seeds; give at least one.")
    ledger, left_out = Ledger.open(out, manifest_of(problem, asked, train, normalise)), list(named.values())
    for seed in map(int, seeds):
        if ledger.missing([()], seed):
            ledger.add((), seed, measured(problem, parameters_of(train(problem, seed)), asked))
        waiting = [left_out[number] for number in ledger.missing(left_out, seed)]
        if isinstance(train, TrainMany):
            for some in _stacks(waiting, out is not None):
                runs = train.without(problem, some, seed=seed, normalise=normalise, progress=progress)
                ledger.add_together(some, seed, [measured(problem, parameters_of(run), asked) for run in runs])
            continue
        for ids, run in zip(waiting, _one_by_one(problem, waiting, train, seed, normalise, jobs, progress), strict=True):
            ledger.add(ids, seed, measured(problem, parameters_of(run), asked))
    values = torch.stack([torch.stack([ledger.get(ids, seed) for ids in left_out], 1) for seed in map(int, seeds)])
    baseline = torch.stack([ledger.get((), seed) for seed in map(int, seeds)])
    return Outcomes(values, baseline, named, asked.ids, problem.objective.sign, problem.objective.unit)


def _stacks(groups: Sequence[Sequence[object]], kept: bool) -> list[Sequence[Sequence[object]]]:
    """What is trained together: all, or where outcomes are ``kept``, as many at a time as a kill may cost."""
    size = TOGETHER if kept else len(groups) or 1
    return [groups[first : first + size] for first in range(0, len(groups), size)]


def _one_by_one(
    problem: Problem, groups: Sequence[Sequence[object]], train: Train, seed: int, normalise: bool, jobs: int | None, progress: bool
) -> Iterable[object]:
    """What training without each group gives, as it is done."""
    reduced = (_reduced(problem, ids, normalise) for ids in groups)
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(train)(smaller, seed) for smaller in reduced)
    return track(work, f"retraining, seed {seed}", len(groups), progress)


def leave_one_out(problem: Problem, ids: Any, queries: Any, train: Train, **settings: Any) -> Outcomes:
    """:func:`retrain_without` for groups of one id each."""
    return retrain_without(problem, {str(key): [key] for key in np.asarray(ids).reshape(-1).tolist()}, queries, train, **settings)


def _reduced(problem: Problem, ids: Sequence[object], normalise: bool) -> Problem:
    smaller = problem.without(ids)
    if len(problem) - len(smaller) != len(ids):
        raise UsageError(f"Leaving out {len(ids)} ids took {len(problem) - len(smaller)} rows away; report this, the ids are not what they say.")
    return smaller.renormalised() if normalise else smaller


def parameters_of(run: object) -> Mapping[str, Tensor]:
    """What a trainer returned, as parameters."""
    found = run.parameters if isinstance(run, Run) else run
    if not isinstance(found, Mapping) or not found:
        raise UsageError(f"The trainer returned a {type(run).__name__}; return a Run or a mapping of parameter names to tensors.")
    for name, value in found.items():
        if not bool(torch.isfinite(value).all()):
            raise UsageError(f"The trainer returned {name!r} with values that are not finite; lower its learning rate, or look for nan in its data.")
    return found


def measured(problem: Problem, parameters: Mapping[str, Tensor], queries: Examples) -> Tensor:
    """The measurement of each query at the given parameters (q,), in their floating type."""
    there = problem.to(next(iter(parameters.values())).dtype).at(parameters)
    with torch.no_grad():
        return torch.cat([there.measurements(there.outputs(batch.inputs), batch).cpu() for batch in there.batches(queries)])
