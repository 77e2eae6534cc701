"""A recorded run is taken again step by step, and refused where it is not the problem's."""

from dataclasses import replace

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.retraining.train.recording import Recording
from wherefrom.retraining.train.rules import SGD


def recorded(memory: str = "1GB") -> tuple[wf.Problem, Recording]:
    p = replace(problem("mlp").problem, memory=memory)
    run = wf.train.adam(6, 0.01, batch_size=1, record=True)(p, 0)
    return p.at(run.parameters), run.record


def test_states_between_those_kept_are_the_same() -> None:
    (p, whole), (_, few) = recorded(), recorded("1MiB")
    assert len(few.kept) < len(whole.kept)
    for (t, one), (s, other) in zip(whole.of(p).backwards(), few.of(p).backwards(), strict=True):
        assert t == s and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_run_is_followed_on_batches_as_on_tensors() -> None:
    """A step's examples lie in several of the batches that the data are given in."""
    p = problem("mlp").problem
    X, y = p.train.source.tree  # type: ignore[attr-defined]
    run = wf.train.sgd(2, 0.1, batch_size=7, record=True)(p, 0)
    whole = list(run.record.of(p.at(run.parameters)).backwards())
    batches = [(X[:5], y[:5]), (X[5:20], y[5:20]), (X[20:], y[20:])]
    again = wf.Problem.of(p.model, p.objective, batches).at(run.parameters)
    replay = run.record.of(again)
    assert all(len(replay.batch(t)) == len(run.record.steps[t].ids) for t in range(len(run.record.steps)))
    for (t, one), (s, other) in zip(whole, replay.backwards(), strict=True):
        assert t == s and torch.equal(one[0], other[0])


def test_another_problem_is_refused() -> None:
    p, record = recorded()
    with pytest.raises(wf.UsageError, match="other weights than the run ended at"):
        record.of(problem("mlp").problem)
    with pytest.raises(wf.UsageError, match="choose the same through parameters="):
        record.of(p.restricted("2.*"))
    with pytest.raises(wf.UsageError, match="used example"):
        record.of(p.without([4]))
    half = p.to(torch.bfloat16)
    with pytest.raises(wf.UsageError, match="bfloat16 gives noise"):
        record.of(half)


def test_a_step_that_leads_elsewhere_is_refused() -> None:
    p, record = recorded()
    wrong = replace(record, steps=(replace(record.steps[0], ids=(record.steps[0].ids + 1) % 24), *record.steps[1:]))
    run = wf.retraining.Run(p.parameters, record=wrong)
    with pytest.raises(wf.UsageError, match="does not lead to the recorded weights"):
        wf.attribute(wf.UnrolledInfluence(run), p, problem("mlp").queries)


def test_it_prints_what_it_is() -> None:
    assert repr(recorded()[1]) == "Recording(Adam(betas=(0.9, 0.999), eps=1e-08, eps_root=0.0, decay=0.0), 144 steps, 145 states)"
    assert repr(SGD()) in repr(wf.train.sgd(1, 0.1, record=True)(problem("mlp").problem, 0).record)
