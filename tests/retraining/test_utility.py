"""The utility of a training set on validation examples, down to one class and none at all."""

import math

import numpy as np
import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.retraining.utility import classes_of, has_classes

NEWTON = wf.train.newton()
NONE = np.arange(0)


def test_is_minus_the_mean_loss_of_a_model_of_its_own() -> None:
    case, ids = problem("softmax"), np.array([0, 2, 3, 9, 11])
    utility = wf.retraining.ValidationUtility(case.problem, case.queries, NEWTON)
    own = case.problem.at(NEWTON(case.problem.subset(ids), 0).parameters)
    batch = next(iter(own.batches(own.examples(case.queries))))
    assert utility(ids) == pytest.approx(-float(own.losses(own.outputs(batch.inputs), batch).mean().detach()))
    assert utility(NONE) == pytest.approx(-math.log(3))
    assert utility(ids[:1]) < 0  # one class alone, held by l2


def test_accuracy_counts_right_classes_and_shares_ties() -> None:
    case = problem("softmax")
    X, y = case.queries
    utility = wf.retraining.ValidationUtility(case.problem, case.queries, NEWTON, accuracy=True)
    there = case.problem.at(NEWTON(case.problem, 0).parameters)
    assert utility(case.problem.ids) == pytest.approx(float((there.outputs(X).argmax(1) == y).double().mean()))
    assert utility(NONE) == pytest.approx(1 / 3)
    known = classes_of(case.problem)
    alone = np.flatnonzero(known.numpy() == 1)[:2]
    assert utility(alone) == pytest.approx(float((y == 1).double().mean()))


@pytest.mark.parametrize("name", ["logistic", "hinge"])
def test_one_output_names_two_classes(name: str) -> None:
    case = problem(name)
    X, y = case.queries
    utility = wf.retraining.ValidationUtility(case.problem, case.queries, lambda problem, seed: problem.parameters, accuracy=True)
    right = (case.problem.outputs(X)[:, 0] > 0) == (y > 0)
    assert utility(case.problem.ids) == pytest.approx(float(right.double().mean()))
    assert utility(NONE) == 0.5
    ones = np.flatnonzero(classes_of(case.problem).numpy() == 1)
    assert utility(ones) == pytest.approx(float((y == 1).double().mean()))


def test_higher_is_better_whatever_the_measurement() -> None:
    case = problem("softmax")
    margin = wf.cross_entropy(l2=0.05, measurement=lambda outputs, targets: outputs.gather(1, targets[:, None])[:, 0], lower_is_better=False)
    p = wf.Problem.of(case.problem.model, margin, (torch.randn(9, 4, dtype=torch.float64), torch.arange(9) % 3))
    utility = wf.retraining.ValidationUtility(p, case.queries, lambda problem, seed: problem.parameters)
    X, y = case.queries
    assert utility(p.ids) == pytest.approx(float(p.outputs(X).gather(1, y[:, None]).mean().detach()))


def test_shapley_values_of_a_model_add_up() -> None:
    case = problem("ridge")
    p = case.problem.subset(np.arange(5))
    utility = wf.retraining.ValidationUtility(p, case.queries, NEWTON)
    found = wf.methods.tmc_shapley(utility, p.ids, truncation=0, tolerance=0, max_permutations=4)
    assert float(found.values.sum()) == pytest.approx(utility(p.ids) - utility(NONE), abs=1e-10)


def test_accuracy_of_numbers_is_refused() -> None:
    case = problem("ridge")
    with pytest.raises(wf.UsageError, match="targets are no classes"):
        wf.retraining.ValidationUtility(case.problem, case.queries, NEWTON, accuracy=True)(NONE)


@pytest.mark.parametrize(("name", "expected"), [("ridge", False), ("softmax", True), ("logistic", True)])
def test_numbers_are_no_classes(name: str, expected: bool) -> None:
    assert has_classes(problem(name).problem) is expected
