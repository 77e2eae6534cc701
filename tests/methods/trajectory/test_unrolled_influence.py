"""Unrolled influence is the derivative of the run by each example's weight."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers.problems import named, problem
from torch import nn

import wherefrom as wf

TRAINERS = {
    "SGD": wf.train.sgd(4, 0.3, batch_size=7, record=True),
    "momentum": wf.train.sgd(4, 0.1, momentum=0.9, batch_size=7, record=True),
    "Nesterov": wf.train.sgd(4, 0.1, momentum=0.9, nesterov=True, batch_size=7, record=True),
    "Adam": wf.train.adam(4, 0.01, batch_size=7, record=True),
    "Adam with a root": wf.train.adam(4, 0.01, batch_size=7, eps_root=1e-8, record=True),
    "AdamW, cosine": wf.train.adam(4, 0.01, decay=0.1, batch_size=7, schedule=wf.train.Cosine(0.1), record=True),
}
PROBLEMS = ["mlp", "ridge with weights", "convolution", "sequence in a dictionary", "mlp, last layer"]


def by_differences(p: wf.Problem, train: Any, queries: Any, place: int, step: float = 1e-4) -> torch.Tensor:
    """-w ∂f/∂w by central differences of runs with another weight."""
    measured = []
    for sign in (1, -1):
        weights = p.weights.clone()
        weights[place] *= 1 + sign * step
        there = p.at(train(p.reweighted(weights), 3).parameters)
        batch = next(there.batches(there.examples(queries)))
        measured.append(there.measurements(there.outputs(batch.inputs), batch).detach())
    return p.objective.sign * (measured[1] - measured[0]) / (2 * step)


@pytest.mark.parametrize("train", TRAINERS.values(), ids=TRAINERS)
def test_it_equals_finite_differences_for_each_optimiser(train: Any) -> None:
    case = problem("mlp")
    run = train(case.problem, 3)
    scores = wf.attribute(wf.UnrolledInfluence(run), case.problem.at(run.parameters), case.queries).values
    for place in (0, 17):
        torch.testing.assert_close(scores[:, place], by_differences(case.problem, train, case.queries, place), rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("name", PROBLEMS)
def test_it_equals_finite_differences_on_other_models(name: str) -> None:
    case, train = problem(name), TRAINERS["AdamW, cosine"]
    run = train(case.problem, 3)
    scores = wf.attribute(wf.UnrolledInfluence(run), case.problem.at(run.parameters), case.queries).values
    torch.testing.assert_close(scores[:, 5], by_differences(case.problem, train, case.queries, 5), rtol=1e-3, atol=1e-8)


def test_a_measurement_of_which_more_is_better_turns_the_sign() -> None:
    case = problem("mlp")
    objective = replace(case.problem.objective, measurement=lambda outputs, targets: outputs[:, 1], lower_is_better=False)
    p, train = replace(case.problem, objective=objective), TRAINERS["momentum"]
    run = train(p, 3)
    scores = wf.attribute(wf.UnrolledInfluence(run), p.at(run.parameters), case.queries)
    assert scores.unit == "measurement change"
    torch.testing.assert_close(scores.values[:, 2], by_differences(p, train, case.queries, 2), rtol=1e-3, atol=1e-8)


def test_states_kept_or_taken_again_make_no_difference() -> None:
    case, train = problem("mlp"), wf.train.adam(6, 0.01, batch_size=1, record=True)
    found = []
    for memory in ("1GB", "1MiB"):
        run = train(replace(case.problem, memory=memory), 3)
        found.append(wf.attribute(wf.UnrolledInfluence(run), replace(case.problem.at(run.parameters), memory=memory), case.queries).values)
        assert len(run.record.kept) in (145, 13)
    torch.testing.assert_close(*found)


def test_self_influence_and_aggregate_are_those_of_the_table() -> None:
    case, train = problem("mlp"), TRAINERS["Adam"]
    run = train(case.problem, 3)
    p, method = case.problem.at(run.parameters), wf.UnrolledInfluence(run)
    whole = wf.attribute(method, p, case.problem.train.source.tree)  # type: ignore[attr-defined]
    torch.testing.assert_close(wf.self_influence(method, p), whole.values.diagonal())
    every = wf.attribute(method, p, case.queries).values
    torch.testing.assert_close(wf.attribute(method, p, case.queries, aggregate=True).values, every.sum(0, keepdim=True))


def test_an_entry_whose_input_is_always_0_does_no_harm() -> None:
    X = torch.randn(24, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    X[:, 2] = 0  # a pixel that no image uses: Adam's second moment stays 0 there
    model = nn.Linear(4, 3).double()
    case = named(model, wf.cross_entropy(), (X, torch.arange(24) % 3), (X[:2], torch.tensor([0, 1])))
    run = wf.train.adam(3, 0.01, batch_size=6, record=True)(case.problem, 0)
    assert wf.attribute(wf.UnrolledInfluence(run), case.problem.at(run.parameters), case.queries).values.isfinite().all()


def test_a_run_without_record_is_refused() -> None:
    case = problem("mlp")
    with pytest.raises(wf.UsageError, match="record=True"):
        wf.attribute(wf.UnrolledInfluence(wf.train.sgd(1, 0.1)(case.problem, 0)), case.problem, case.queries)


def test_it_prints_the_run_and_plans_its_work() -> None:
    case = problem("mlp")
    run = TRAINERS["SGD"](case.problem, 3)
    assert repr(wf.UnrolledInfluence(run)).startswith("UnrolledInfluence(Recording(SGD(")
    assert "16 steps of training" in str(wf.plan(wf.UnrolledInfluence(run), case.problem.at(run.parameters), case.queries))
