"""The effect of leaving examples out or of other labels, by training again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.progress import track
from wherefrom.retraining.interventions import Change, LeftOut, relabellings
from wherefrom.retraining.ledger import Ledger, manifest_of
from wherefrom.retraining.outcomes import Outcomes
from wherefrom.retraining.run import Run, Train
from wherefrom.retraining.train.batched_training import CHUNK as TOGETHER
from wherefrom.scores import Groups, group_ids
from wherefrom.types import Id, Ids, Numbers, Tree


def retrain_without(
    problem: Problem,
    groups: Groups,
    queries: Queries,
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
    named = group_ids(groups, problem.ids)
    changes = {name: LeftOut(ids, normalise) for name, ids in named.items()}
    return _retrained(problem, changes, queries, train, seeds, normalise, jobs, out, progress)


def retrain_relabelled(
    problem: Problem,
    groups: Groups,
    labels: Tree | Numbers,
    queries: Queries,
    train: Train,
    *,
    seeds: Sequence[int] = (0,),
    jobs: int | None = None,
    out: str | Path | None = None,
    progress: bool = True,
) -> Outcomes:
    """Each query's measurement after training with each group (name -> ids, or a name per training example) under other labels.

    ``labels`` are name -> the group's new targets, a row for each of its ids in their order, or targets of all training
    examples, of which each group takes its own: corrected ones, say. ``train`` is called with
    (``problem.relabelled(ids, labels)``, seed); inputs, order, weights and N stay, so that a run differs from its baseline by
    these labels alone. At first order the change is (1/N) Σ wᵢ ∇m_qᵀ C⁻¹ (gᵢ - gᵢ'), gᵢ' under the new label: the influence
    under the old labels less that under the new, both at the old θ and C.

    The rest is as in :func:`retrain_without`, with which it may share a file ``out``: outcomes are kept by ids, labels and
    seed. A trainer with a method ``relabelled`` is given all groups at once. Raises :class:`UsageError` for labels of another
    shape or kind than the old.
    """
    changes = relabellings(problem, group_ids(groups, problem.ids), labels)
    found = _retrained(problem, changes, queries, train, seeds, False, jobs, out, progress)
    return replace(found, labels={name: change.labels for name, change in changes.items()})


def _retrained(
    problem: Problem, named: Mapping[str, Change], queries: Queries, train: Train, seeds: Sequence[int], normalise: bool, jobs: int | None,
    out: str | Path | None, progress: bool,
) -> Outcomes:  # fmt: skip
    if not len(seeds):
        raise UsageError("There are no seeds; give at least one.")
    asked, changes, nothing = problem.examples(queries), list(named.values()), LeftOut(())
    kind = type(changes[0])
    ledger = Ledger.open(out, manifest_of(problem, asked, train, normalise))
    for seed in map(int, seeds):
        if ledger.missing([nothing], seed):
            ledger.add(nothing, seed, measure_queries(problem, parameters_of(train(problem, seed)), asked))
        waiting = [changes[number] for number in ledger.missing(changes, seed)]
        if isinstance(train, kind.many):
            for some in _stacks(waiting, out is not None):
                runs = kind.together(train, problem, some, seed, progress)
                ledger.add_together(some, seed, [measure_queries(problem, parameters_of(run), asked) for run in runs])
            continue
        for change, run in zip(waiting, _one_by_one(problem, waiting, train, seed, jobs, progress), strict=True):
            ledger.add(change, seed, measure_queries(problem, parameters_of(run), asked))
    values = torch.stack([torch.stack([ledger.get(change, seed) for change in changes], 1) for seed in map(int, seeds)])
    baseline = torch.stack([ledger.get(nothing, seed) for seed in map(int, seeds)])
    groups = {name: change.ids for name, change in named.items()}
    return Outcomes(values, baseline, groups, asked.ids, problem.objective.sign, problem.objective.unit)


def _stacks(changes: Sequence[Change], kept: bool) -> list[Sequence[Change]]:
    """What is trained together: all, or where outcomes are ``kept``, as many at a time as a kill may cost."""
    size = TOGETHER if kept else len(changes) or 1
    return [changes[first : first + size] for first in range(0, len(changes), size)]


def _one_by_one(problem: Problem, changes: Sequence[Change], train: Train, seed: int, jobs: int | None, progress: bool) -> Iterable[object]:
    """What training gives under each change, as it is done."""
    from joblib import Parallel, delayed

    changed = (change.of(problem) for change in changes)
    work = Parallel(n_jobs=jobs, return_as="generator")(delayed(train)(other, seed) for other in changed)
    return track(work, f"retraining, seed {seed}", len(changes), progress)


def leave_one_out(
    problem: Problem, ids: Ids | Id, queries: Queries, train: Train, *, seeds: Sequence[int] = (0,), normalise: bool = False,
    jobs: int | None = None, out: str | Path | None = None, progress: bool = True,
) -> Outcomes:  # fmt: skip
    """:func:`retrain_without` for groups of one id each."""
    groups = {str(key): [key] for key in np.asarray(ids).reshape(-1).tolist()}
    return retrain_without(problem, groups, queries, train, seeds=seeds, normalise=normalise, jobs=jobs, out=out, progress=progress)


def parameters_of(run: object) -> Mapping[str, Tensor]:
    """What a trainer returned, as parameters."""
    found = run.parameters if isinstance(run, Run) else run
    if not isinstance(found, Mapping) or not found:
        raise UsageError(f"The trainer returned a {type(run).__name__}; return a Run or a mapping of parameter names to tensors.")
    for name, value in found.items():
        if not bool(torch.isfinite(value).all()):
            raise UsageError(f"The trainer returned {name!r} with values that are not finite; lower its learning rate, or look for nan in its data.")
    return found


def measure_queries(problem: Problem, parameters: Mapping[str, Tensor], queries: Examples) -> Tensor:
    """The measurement of each query at the given parameters (q,), in their floating type."""
    there = problem.to(next(iter(parameters.values())).dtype).at(parameters)
    with torch.no_grad():
        return torch.cat([there.measurements(there.outputs(batch.inputs), batch).cpu() for batch in there.batches(queries)])
