"""Retraining without examples."""

from collections.abc import Mapping

import joblib
import numpy as np
import pytest
import torch
from helpers.problems import data, problem
from torch import Tensor

import wherefrom as wf

NEWTON = wf.train.newton()


def slow_newton(problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
    """A trainer that knows one problem at a time."""
    return NEWTON(problem, seed).parameters


def test_one_at_a_time_and_all_at_once_agree() -> None:
    case = problem("softmax")
    groups = {"a": [0], "b": [1, 5, 9], "c": [23]}
    many = wf.retrain_without(case.problem, groups, case.queries, NEWTON)
    single = wf.retrain_without(case.problem, groups, case.queries, slow_newton)
    torch.testing.assert_close(many.values, single.values, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(many.baseline, single.baseline)
    assert list(many.groups) == ["a", "b", "c"] and many.values.shape == (1, 3, 3)


@pytest.mark.parametrize("name", ["ridge", "softmax"])
def test_n_stays_unless_normalised(name: str) -> None:
    case = problem(name)
    groups = {"many": list(range(10))}
    stays = wf.retrain_without(case.problem, groups, case.queries, NEWTON)
    normalised = wf.retrain_without(case.problem, groups, case.queries, NEWTON, normalise=True)
    single = wf.retrain_without(case.problem, groups, case.queries, slow_newton, normalise=True)
    torch.testing.assert_close(normalised.values, single.values, rtol=1e-7, atol=1e-9)
    own = NEWTON(case.problem.subset(list(range(10, 24))), 0).parameters
    there = case.problem.at(own)
    batch = next(iter(there.batches(there.examples(case.queries))))
    torch.testing.assert_close(normalised.values[0, :, 0], there.losses(there.outputs(batch.inputs), batch))
    assert not torch.allclose(stays.values, normalised.values)


@pytest.mark.parametrize("names", [np.arange(12), np.array([f"p{i}" for i in range(12)])])
def test_removal_by_id_after_shuffling_removes_that_row(names: np.ndarray) -> None:
    X, y = data(12, "number")
    X, y, order = X.double(), y.double(), np.random.default_rng(3).permutation(12)
    model = torch.nn.Linear(4, 1, dtype=torch.float64).eval()
    p = wf.Problem.of(model, wf.squared_error(l2=0.1), (X[order], y[order]), ids=names[order])
    for position in (0, 7):
        reduced = p.without([names[position]])
        left = torch.cat([batch.inputs for batch in reduced.batches()])
        assert len(left) == 11 and not (left == X[position]).all(1).any()
        assert all((left == X[other]).all(1).any() for other in range(12) if other != position)
    truth = wf.leave_one_out(p, [names[7]], (X[:2], y[:2]), NEWTON)
    kept = [i for i in range(12) if i != 7]
    plain = wf.Problem.of(model, wf.squared_error(l2=0.1), (X, y)).without([7])
    assert len(plain) == len(kept)
    there = plain.at(NEWTON(plain, 0).parameters)
    batch = next(iter(there.batches(there.examples((X[:2], y[:2])))))
    torch.testing.assert_close(truth.values[0, :, 0], there.losses(there.outputs(batch.inputs), batch))


def test_seeds_are_stacked_and_averaged() -> None:
    case = problem("ridge")

    def noisy(problem: wf.Problem, seed: int) -> wf.retraining.Run:
        found = NEWTON(problem, seed).parameters
        return wf.retraining.Run({name: value + 0.01 * seed for name, value in found.items()})

    truth = wf.leave_one_out(case.problem, [0, 1], case.queries, noisy, seeds=(0, 1))
    assert truth.values.shape == (2, 3, 2) and truth.baseline.shape == (2, 3)
    torch.testing.assert_close(truth.change, (truth.values - truth.baseline[:, :, None]).mean(0))


def test_jobs_make_no_difference() -> None:
    case = problem("ridge")
    one = wf.leave_one_out(case.problem, [0, 1, 2], case.queries, slow_newton)
    two = wf.leave_one_out(case.problem, [0, 1, 2], case.queries, slow_newton, jobs=2)
    torch.testing.assert_close(one.values, two.values)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({}, "no groups"),
        ({"a": []}, "'a' is empty"),
        ({"a": [99]}, "Id 99 is not among"),
        ({"a": [1, 1]}, "named twice"),
        ({"all": list(range(24))}, "no training examples"),
    ],
)
def test_bad_groups_are_refused(groups: dict[str, list[int]], message: str) -> None:
    case = problem("ridge")
    with pytest.raises(wf.UsageError, match=message):
        wf.retrain_without(case.problem, groups, case.queries, slow_newton)


def test_a_trainer_that_returns_nothing_is_refused() -> None:
    case = problem("ridge")
    with pytest.raises(wf.UsageError, match="returned a NoneType"):
        wf.leave_one_out(case.problem, [0], case.queries, lambda problem, seed: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(wf.UsageError, match="no seeds"):
        wf.leave_one_out(case.problem, [0], case.queries, NEWTON, seeds=())


def plainly(problem: wf.Problem, seed: int) -> wf.retraining.Run:
    """A trainer that joblib may send to another process."""
    return wf.train.sgd(1, 0.1, batch_size=6)(problem, seed)


def test_dask_workers_give_what_one_process_gives() -> None:
    distributed = pytest.importorskip("distributed", reason="needs wherefrom[distributed]")
    case, groups = problem("mlp"), {"a": [1, 2], "b": [5]}
    workers = distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None)
    with workers, distributed.Client(workers), joblib.parallel_config(backend="dask"):
        there = wf.retrain_without(case.problem, groups, case.queries, plainly)
    assert torch.equal(there.values, wf.retrain_without(case.problem, groups, case.queries, plainly).values)
