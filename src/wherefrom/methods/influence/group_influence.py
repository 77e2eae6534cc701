"""Influence of groups: what leaving many examples out together does to a query (Koh et al. 2019; Basu, You & Feizi 2020)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.examples import Examples, Queries
from wherefrom.errors import UsageError
from wherefrom.gradients.rows import cat, summed
from wherefrom.gradients.signed import signed_measurements
from wherefrom.methods.influence.parameter_change import GroupStep, Order, gradient_sums
from wherefrom.problem import Problem
from wherefrom.retraining.retrain import measure_queries
from wherefrom.scores import Groups, Scores
from wherefrom.solvers import IHVP, FittedIHVP
from wherefrom.solvers.warnings_capture import listening


def group_influence(
    problem: Problem,
    queries: Queries | None,
    groups: Groups,
    ihvp: IHVP | FittedIHVP = IHVP(),
    order: Order = 1,
    *,
    normalise: bool = False,
    aggregate: bool = False,
    progress: bool = True,
) -> Scores:
    """∇m_qᵀΔθ_S of each query and group S (q, m): the worsening of the query's measurement if the whole group is left out.

    Δθ is that of :func:`wherefrom.methods.parameter_change`, so that all orders are on one scale, "loss change" or "measurement change": 1 is
    the sum of the members' influences, 2 adds how they bend each other's (at most half of the training weight). "newton" takes the whole step and
    measures there, m_q(θ + Δθ_S) - m_q(θ), as ``InfluenceFunction(leverage=True)`` does for one example: exact for linear regression.

    ``groups`` is a mapping of a name to ids, or one name per training example, such as a column of a table or the class labels. N stays;
    ``normalise=True`` divides by the weight that remains. ``queries=None`` asks each group about itself: the rise of its members' summed loss, one
    row "itself", which for a group of one is its self-influence. ``aggregate=True`` sums over the queries: one row "all queries".
    """
    if queries is None and aggregate:
        raise UsageError("aggregate= sums over queries, and queries=None has none: each group is asked about itself; leave aggregate out.")
    with torch.no_grad(), listening() as notes:
        step = GroupStep.of(problem, groups, ihvp, order, normalise=normalise)
        if queries is None:
            names, values = np.array(["itself"]), _own(step, progress)
        else:
            names, values = _asked(step, queries, aggregate, progress)
    method = f"group_influence({step.ihvp.settings!r}, order={order!r}, normalise={normalise})"
    unit = "loss change" if queries is None else problem.objective.unit
    return Scores(values.cpu(), names, np.array(list(step.members)), unit, method, problem.fingerprint(), tuple(notes))


def _asked(step: GroupStep, queries: Queries, aggregate: bool, progress: bool) -> tuple[np.ndarray, Tensor]:
    asked, changes = step.problem.examples(queries), step.changes(progress)
    names = np.array(["all queries"]) if aggregate else asked.ids
    if step.order == "newton":
        rises = torch.stack([_rise(step.problem, step, change, asked) for change in changes], 1) * step.problem.objective.sign
        return names, rises.sum(0, keepdim=True) if aggregate else rises
    found = (signed_measurements(step.gradients, batch) for batch in step.problem.batches(asked, size=step.gradients.size))
    rows = summed(found) if aggregate else cat(found)
    return names, rows.dot(step.gradients.layout.rows(changes))


def _own(step: GroupStep, progress: bool) -> Tensor:
    """The members' losses count once each, whatever their weights in training, as in self-influence."""
    problem, changes, groups = step.problem, step.changes(progress), list(step.members.values())
    if step.order == "newton":
        plain = replace(problem, objective=replace(problem.objective, measurement=None))
        return torch.stack([_rise(plain, step, *each).sum() for each in zip(changes, map(problem.train.take, groups), strict=True)])[None]
    rises = gradient_sums(step.gradients, problem.train, groups, torch.ones_like(problem.weights), progress)
    return (rises * changes).sum(1)[None]


def _rise(problem: Problem, step: GroupStep, change: Tensor, asked: Examples) -> Tensor:
    """m(θ + Δθ) - m(θ) of each example asked about."""
    pieces = problem.unflatten(change)
    stepped = {name: value + pieces[name] for name, value in problem.parameters.items()}
    return measure_queries(problem, stepped, asked) - measure_queries(problem, problem.parameters, asked)
