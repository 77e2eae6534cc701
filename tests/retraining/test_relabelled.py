"""Retraining under other labels: the truth of correcting a label, or of flipping it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import N, problem
from torch import Tensor

import wherefrom as wf
from wherefrom.data.batches import joined

NEWTON = wf.train.newton()
GROUPS = {"a": [0], "b": [9, 5, 1], "most": list(range(16))}


def newton_alone(problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
    """A trainer that knows one problem at a time."""
    return NEWTON(problem, seed).parameters


def other(name: str) -> Tensor:
    """New labels of all examples of a problem."""
    old = joined(problem(name).problem.batches()).targets
    return old - 0.5 if name.startswith("ridge") else 1 - old if name == "logistic" else (old + 1) % 3


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge with weights", "mlp, last layer"])
def test_one_at_a_time_and_all_at_once_agree(name: str) -> None:
    case, labels = problem(name), other(name)
    many = wf.retraining.retrain_relabelled(case.problem, GROUPS, labels, case.queries, NEWTON, progress=False)
    single = wf.retraining.retrain_relabelled(case.problem, GROUPS, labels, case.queries, newton_alone, progress=False)
    torch.testing.assert_close(many.values, single.values, rtol=1e-7, atol=1e-9)
    assert many.values.shape == (1, 3, 3) and float(many.change.abs().max()) > 1e-3
    assert many.labels is not None and list(many.labels) == list(GROUPS) and many.groups["b"] == [1, 5, 9]
    assert torch.equal(many.labels["b"], labels[[1, 5, 9]])


@pytest.mark.parametrize("train", [wf.train.sgd(3, 0.2, momentum=0.9, batch_size=5), wf.train.adam(3, 0.01, batch_size=5)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("name", ["mlp", "ridge with weights", "convolution", "sequence in a dictionary"])
def test_stacked_runs_are_those_of_each_training_alone(name: str, train: Any) -> None:
    p, labels = problem(name).problem, other(name)
    groups = [[3], [20, 7], list(range(12))]
    rows = [labels[torch.tensor(ids)] for ids in groups]
    runs = train.relabelled(p, groups, rows, seed=4, progress=False)
    for ids, row, run in zip(groups, rows, runs, strict=True):
        for key, value in train(p.relabelled(ids, row), 4).parameters.items():
            torch.testing.assert_close(run.parameters[key], value, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("train", [NEWTON, wf.train.sgd(2, 0.2, batch_size=5)], ids=["newton", "SGD"])
def test_the_labels_that_are_there_change_nothing(train: Any) -> None:
    case = problem("softmax")
    same = wf.retraining.retrain_relabelled(case.problem, GROUPS, joined(case.problem.batches()).targets, case.queries, train, progress=False)
    torch.testing.assert_close(same.values, same.baseline[:, :, None].expand_as(same.values), rtol=1e-8, atol=1e-10)


def test_a_relabelled_run_differs_from_its_baseline_by_the_labels_alone() -> None:
    case, train = problem("mlp"), wf.train.sgd(2, 0.1, batch_size=5)
    old = joined(case.problem.batches()).targets
    for key, value in train(case.problem.relabelled([4, 11], old[[4, 11]]), 1).parameters.items():
        assert torch.equal(value, train(case.problem, 1).parameters[key])


def logistic() -> tuple[wf.Problem, tuple[Tensor, Tensor], Tensor]:
    """A logistic problem at its minimum, queries, and its labels flipped."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(210, 6, dtype=torch.float64, generator=generator)
    noise = torch.randn(210, dtype=torch.float64, generator=generator)
    y = (X.sum(1) + noise > 0).double()
    p = wf.Problem.of(torch.nn.Linear(6, 1, dtype=torch.float64).eval(), wf.binary_cross_entropy(l2=0.01), (X[:200], y[:200]))
    return p.at(NEWTON(p, 0).parameters), (X[200:], y[200:]), 1 - y[:200]


def test_influence_under_the_old_label_less_that_under_the_new_predicts_the_change() -> None:
    p, queries, flipped = logistic()
    ids = list(range(60))
    truth = wf.retraining.retrain_relabelled(p, {str(key): [key] for key in ids}, flipped, queries, NEWTON, progress=False)
    old = wf.attribute(wf.InfluenceFunction(), p, queries, progress=False)
    new = wf.attribute(wf.InfluenceFunction(), p.relabelled(p.ids, flipped), queries, progress=False)  # whose C is the same: it knows no labels
    difference = wf.Scores(old.values - new.values, old.query_ids, old.train_ids, old.unit, "relabelling")
    found = wf.loo_correlation(difference, truth)
    assert found.pearson.value > 0.99 and 0.95 < found.slope.value < 1.05 and abs(found.intercept.value) < 2e-3  # type: ignore[operator]
    removal = wf.loo_correlation(old, truth)
    assert removal.slope.value < 0.8  # type: ignore[operator]


def test_parameter_change_with_altered_labels_is_the_same_prediction() -> None:
    p, queries, flipped = logistic()
    groups = {"first": list(range(4)), "next": list(range(4, 8))}
    truth = wf.retraining.retrain_relabelled(p, groups, flipped, queries, NEWTON, progress=False)
    inputs = joined(p.batches()).inputs
    change = wf.methods.parameter_change(p, groups, altered=wf.Examples.of((inputs[:8], flipped[:8])), order="newton")
    for column, name in enumerate(groups):
        there = p.at(change.patched(name))
        batch = joined(there.batches(there.examples(queries)))
        rise = there.losses(there.outputs(batch.inputs), batch) - truth.baseline[0]
        assert np.corrcoef(rise, truth.change[:, column])[0, 1] > 0.99


def test_outcomes_are_kept_by_ids_labels_and_seed_and_share_a_file_with_removals(tmp_path: Path) -> None:
    case, out, calls = problem("softmax"), tmp_path / "outcomes.jsonl", []

    def counted(problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
        calls.append(seed)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return newton_alone(problem, seed)

    def asked(groups: dict[str, list[int]], labels: Tensor, seeds: tuple[int, ...] = (0,)) -> wf.retraining.Outcomes:
        return wf.retraining.retrain_relabelled(case.problem, groups, labels, case.queries, counted, seeds=seeds, out=out, progress=False)

    labels = other("softmax")
    with pytest.raises(KeyboardInterrupt):
        asked(GROUPS, labels)
    found = asked(GROUPS, labels)
    assert len(calls) == 5  # the one that was killed alone is trained again
    plain = wf.retraining.retrain_relabelled(case.problem, GROUPS, labels, case.queries, newton_alone, progress=False)
    assert torch.equal(found.values, plain.values) and torch.equal(found.baseline, plain.baseline)
    asked({"b in another order": [1, 9, 5]}, labels)
    assert len(calls) == 5
    asked({"a": [0]}, (labels + 1) % 3)
    assert len(calls) == 6
    asked({"a": [0]}, labels, seeds=(1,))
    assert len(calls) == 8
    wf.retrain_without(case.problem, {"a": [0]}, case.queries, counted, out=out, progress=False)
    assert len(calls) == 9  # the baseline is known
    assert "relabelled" in out.read_text() and "left out" in out.read_text()


def test_what_is_asked_badly_is_refused() -> None:
    case = problem("softmax")
    with pytest.raises(wf.UsageError, match="Id 99 is not among"):
        wf.retraining.retrain_relabelled(case.problem, {"a": [99]}, other("softmax"), case.queries, NEWTON)
    with pytest.raises(wf.UsageError, match="at least one example, and to each once"):
        wf.retraining.retrain_relabelled(case.problem, {"a": [1, 1]}, other("softmax"), case.queries, NEWTON)
    with pytest.raises(wf.UsageError, match="no seeds"):
        wf.retraining.retrain_relabelled(case.problem, {"a": list(range(N))}, other("softmax"), case.queries, NEWTON, seeds=())
