"""A recorded run is taken again step by step, and refused where it is not the problem's."""

from dataclasses import replace

import pytest
import torch
from helpers.problems import problem

import whence as wh
from whence.truth.recording import Recording
from whence.truth.rules import SGD


def recorded(memory: str = "1GB") -> tuple[wh.Problem, Recording]:
    p = replace(problem("mlp").problem, memory=memory)
    run = wh.train.adam(6, 0.01, batch_size=1, record=True)(p, 0)
    return p.at(run.parameters), run.record


def test_states_between_those_kept_are_the_same() -> None:
    (p, whole), (_, few) = recorded(), recorded("1MiB")
    assert len(few.kept) < len(whole.kept)
    for (t, one), (s, other) in zip(whole.of(p).backwards(), few.of(p).backwards(), strict=True):
        assert t == s and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_another_problem_is_refused() -> None:
    p, record = recorded()
    with pytest.raises(wh.UsageError, match="other weights than the run ended at"):
        record.of(problem("mlp").problem)
    with pytest.raises(wh.UsageError, match="choose the same through parameters="):
        record.of(p.restricted("2.*"))
    with pytest.raises(wh.UsageError, match="used example"):
        record.of(p.without([4]))
    half = p.to(torch.bfloat16)
    with pytest.raises(wh.UsageError, match="bfloat16 gives noise"):
        record.of(half)


def test_a_step_that_leads_elsewhere_is_refused() -> None:
    p, record = recorded()
    wrong = replace(record, steps=(replace(record.steps[0], ids=(record.steps[0].ids + 1) % 24), *record.steps[1:]))
    run = wh.Run(p.parameters, record=wrong)
    with pytest.raises(wh.UsageError, match="does not lead to the recorded weights"):
        wh.attribute(wh.UnrolledInfluence(run), p, problem("mlp").queries)


def test_it_prints_what_it_is() -> None:
    assert repr(recorded()[1]) == "Recording(Adam(betas=(0.9, 0.999), eps=1e-08, eps_root=0.0, decay=0.0), 144 steps, 145 states)"
    assert repr(SGD()) in repr(wh.train.sgd(1, 0.1, record=True)(problem("mlp").problem, 0).record)
