"""Choosing one by one, computed again after each, against every subset."""

import itertools

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf

EXACT = wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0)
NEWTON = wf.train.newton(1e-11)


L2 = 0.05
Data = tuple[torch.Tensor, torch.Tensor]


def points(seed: int) -> tuple[Data, Data]:
    """Nine points of two features, two of them with high leverage, and one query."""
    random = torch.Generator().manual_seed(seed)
    X = torch.randn(9, 2, generator=random, dtype=torch.float64)
    X[7:] *= 3
    y = X.sum(1) + torch.randn(9, generator=random, dtype=torch.float64)
    query = 2 * torch.randn(1, 2, generator=random, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    return (X, y), query


def loss_without(data: Data, query: Data, subset: tuple[int, ...]) -> float:
    """By the normal equations."""
    kept = [row for row in range(9) if row not in subset]
    A = torch.cat([data[0], torch.ones(9, 1, dtype=torch.float64)], 1)[kept]
    beta = torch.linalg.solve(2 * A.T @ A / 9 + L2 * torch.eye(3, dtype=torch.float64), 2 * A.T @ data[1][kept] / 9)
    return float((query[0][0] @ beta[:2] + beta[2] - query[1][0]).square())


@pytest.mark.parametrize("seed", [8, 11, 12])
def test_it_finds_the_best_of_all_subsets_where_the_top_of_a_ranking_does_not(seed: int) -> None:
    data, query = points(seed)
    p = wf.Problem.of(torch.nn.Linear(2, 1, dtype=torch.float64).eval(), wf.squared_error(l2=L2), data)
    p, whole = p.at(NEWTON(p, 0).parameters), loss_without(data, query, ())
    truth = {subset: loss_without(data, query, subset) - whole for subset in itertools.combinations(range(9), 3)}
    found = wf.select.adaptive_greedy(p, query, 3, EXACT)
    assert tuple(sorted(found.ids[0].tolist())) == max(truth, key=lambda subset: truth[subset])
    assert float(found.values.sum()) == pytest.approx(max(truth.values()))
    for leverage in (False, True):
        top = wf.attribute(wf.InfluenceFunction(EXACT, leverage=leverage), p, query, top=3).ids[0]
        assert truth[tuple(sorted(top.tolist()))] < 0.6 * max(truth.values())


def test_opponents_improve_and_ids_limit_the_choice() -> None:
    case = problem("softmax")
    found = wf.select.adaptive_greedy(case.problem, case.queries, 4, EXACT, by="opponents")
    truth = wf.retrain_without(case.problem, {"chosen": found.ids[0].tolist()}, case.queries, NEWTON)
    assert truth.change.sum() < 0 and float(found.values.sum()) == pytest.approx(float(truth.change.sum()), rel=0.1)
    few = wf.select.adaptive_greedy(case.problem, case.queries, 2, EXACT, ids=[3, 9, 11], leverage=False)
    assert set(few.ids[0].tolist()) <= {3, 9, 11} and few.query_ids.tolist() == ["all queries"] and few.opponents is None


def test_too_many_are_refused() -> None:
    case = problem("softmax")
    with pytest.raises(wf.UsageError, match="k=24 of 24 examples"):
        wf.select.adaptive_greedy(case.problem, case.queries, 24)
    with pytest.raises(wf.UsageError, match="k=3 is more than the 2 ids"):
        wf.select.adaptive_greedy(case.problem, case.queries, 3, ids=[1, 2])
