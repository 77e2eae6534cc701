"""Removal by retraining: who is left out, against whom, with which seeds; and that a kill costs the run in hand alone."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.problems import problem

import wherefrom as wf

NEWTON = wf.train.newton()
SIZES = (2, 5)


def aggregated(name: str, method: wf.methods.Method | None = None) -> wf.Scores:
    case = problem(name)
    return wf.attribute(method or wf.InfluenceFunction(), case.problem, case.queries, aggregate=True, progress=False)


def test_tops_and_controls_are_what_they_say() -> None:
    case, scores = problem("softmax"), aggregated("softmax")
    found = wf.retraining.removal_curve(case.problem, {"influence": scores}, case.queries, NEWTON, sizes=SIZES, seeds=[3, 4], progress=False)
    alike = "random, classes as in influence"
    assert list(found.arms) == ["influence", "random", alike] and found.controls == {"influence": ("random", alike)}
    assert found.sizes == SIZES and found.fractions == (2 / 24, 5 / 24) and found.own == {}
    order = scores.train_ids[scores.values[0].argsort(descending=True, stable=True).numpy()].tolist()
    labels = torch.cat([batch.targets for batch in case.problem.batches()]).tolist()
    for outcomes in found.arms["influence"]:
        assert [list(ids) for ids in outcomes.groups.values()] == [order[:2], order[:5]]
    for first, second in zip(found.arms[alike], found.arms["influence"], strict=True):
        for mine, its in zip(first.groups.values(), second.groups.values(), strict=True):
            assert Counter(labels[key] for key in mine) == Counter(labels[key] for key in its)
    drawn = [list(outcomes.groups.values()) for outcomes in found.arms["random"]]
    assert drawn[0] != drawn[1] and [len(ids) for ids in drawn[0]] == [2, 5] and set(drawn[0][0]) < set(drawn[0][1])  # another set for each seed


def test_outcomes_are_those_of_retraining_without_these_ids() -> None:
    case, scores = problem("softmax"), aggregated("softmax")
    found = wf.retraining.removal_curve(case.problem, {"influence": scores}, case.queries, NEWTON, sizes=SIZES, seeds=[0, 1], progress=False)
    for arm in found.arms.values():
        for outcomes in arm:
            again = wf.retrain_without(case.problem, outcomes.groups, case.queries, NEWTON, progress=False)
            torch.testing.assert_close(outcomes.values, again.values, rtol=1e-6, atol=1e-9)
            torch.testing.assert_close(outcomes.baseline, again.baseline)
    curves = wf.metrics.removal_curves(found)
    assert curves.curves["influence"][1].value == pytest.approx(float(found.arms["influence"][0].change[:, 1].mean()), rel=1e-6)
    difference = curves.differences["influence", "random"]
    assert difference.area.value is not None and difference.area.value > 0 and "one draw" not in difference.area.reason
    assert all(p is not None for p in difference.holm) and ("influence", "random, classes as in influence") in curves.differences


def test_sets_that_arms_share_are_trained_without_once() -> None:
    case, calls = problem("ridge"), []

    def counted(p: wf.Problem, seed: int) -> wf.retraining.Run:
        calls.append(len(p))
        return NEWTON(p, seed)

    order = case.problem.ids[::-1].copy()
    wf.retraining.removal_curve(case.problem, {"a": order, "b": order}, case.queries, counted, sizes=[3], seeds=[0], classes=None, progress=False)
    assert sorted(calls) == [21, 21, 24]


def test_each_querys_own_top_is_judged_on_that_query() -> None:
    case = problem("softmax")
    scores = wf.attribute(wf.InfluenceFunction(), case.problem, case.queries, progress=False)
    found = wf.retraining.removal_curve(
        case.problem, {"influence": scores}, case.queries, NEWTON, sizes=[4], seeds=[0, 1, 2], own=True, progress=False
    )
    point = wf.metrics.removal_curves(found).curves["influence"][0]
    top = scores.top(4).ids
    own = wf.retrain_without(case.problem, {str(q): top[q].tolist() for q in range(3)}, case.queries, NEWTON, progress=False).change
    assert point.value == pytest.approx(float(own.diagonal().mean()), rel=1e-6)


def test_a_ranking_for_each_seed() -> None:
    case, ids = problem("softmax"), problem("softmax").problem.ids
    rankings = [wf.Scores(values[None], np.array(["all"]), ids, "arbitrary", "m") for values in torch.randn(2, 24)]
    found = wf.retraining.removal_curve(case.problem, {"m": rankings}, case.queries, NEWTON, sizes=[3], seeds=[0, 1], progress=False)
    for outcomes, scores in zip(found.arms["m"], rankings, strict=True):
        assert list(*outcomes.groups.values()) == scores.top(3).ids[0].tolist()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sizes": [23]}, "from 1 to 22"), ({"sizes": [0]}, "from 1 to"), ({"sizes": [3, 2]}, "ascending"), ({"fractions": [0.01]}, "from 1 to"),
        ({}, "Give sizes="), ({"sizes": [2], "fractions": [0.1]}, "Give sizes="), ({"sizes": [2], "seeds": [1, 1]}, "distinct seeds"),
        ({"sizes": [2], "classes": [1, 2]}, "2 classes for 24"), ({"sizes": [2], "own": True}, "names no queries"),
    ],
)  # fmt: skip
def test_designs_that_say_nothing_are_refused(settings: dict[str, object], said: str) -> None:
    case = problem("softmax")
    with pytest.raises(wf.UsageError, match=said):
        wf.retraining.removal_curve(case.problem, {"a": case.problem.ids}, case.queries, NEWTON, **settings)  # type: ignore[arg-type]


def test_rankings_that_rank_nothing_are_refused() -> None:
    case, scores = problem("softmax"), wf.attribute(wf.GradientDot(), problem("softmax").problem, problem("softmax").queries, progress=False)
    flat = wf.Scores(torch.zeros(1, 24), np.array(["all"]), case.problem.ids, "arbitrary", "m")
    for ranking, said in (
        (flat, "has no top"), (scores, "give one, attribute"), (case.problem.ids[:3], "has 3 examples"), ([0, 1, 2, 0, 3], "names an id twice"),
        ([0, 1, 2, 3, 99], "Id 99"), ([scores, scores, scores], "3 scores for 2 seeds"),
    ):  # fmt: skip
        with pytest.raises(wf.UsageError, match=said):
            wf.retraining.removal_curve(case.problem, {"a": ranking}, case.queries, NEWTON, sizes=[5], seeds=[0, 1], progress=False)
    with pytest.raises(wf.UsageError, match="call none 'random'"):
        wf.retraining.removal_curve(case.problem, {"random": case.problem.ids}, case.queries, NEWTON, sizes=[5])
    ridge = problem("ridge")
    with pytest.raises(wf.UsageError, match="no classes to draw alike from"):
        wf.retraining.removal_curve(ridge.problem, {"a": ridge.problem.ids}, ridge.queries, NEWTON, sizes=[5])


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from helpers.problems import problem
import wherefrom as wf
from wherefrom.retraining import retrain
case, train, measured, calls = problem("mlp"), wf.train.adam(2, 0.05, batch_size=6), retrain.measure_queries, []
def dying(*given):
    calls.append(given)
    if len(calls) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return measured(*given)
retrain.measure_queries = dying
wf.retraining.removal_curve(case.problem, {"order": case.problem.ids}, case.queries, train,
sizes=range(1, 11), seeds=[0, 1], out=sys.argv[1], progress=False)
"""


@pytest.mark.parametrize("dies_at", [1, 10, 40])
def test_a_kill_loses_what_was_in_hand_alone_and_the_rest_is_the_same_to_the_bit(tmp_path: Path, dies_at: int) -> None:
    case, train, out = problem("mlp"), wf.train.adam(2, 0.05, batch_size=6), tmp_path / "removal.jsonl"
    command = [sys.executable, "-c", KILLED, str(out), str(Path(__file__).parents[1]), str(dies_at)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = out.read_text()
    assert len(before.splitlines()) == {1: 1, 10: 2, 40: 5}[dies_at]  # its head, then a line for each baseline and each stack of at most 24

    def curve(out: Path) -> wf.retraining.Removal:
        order, sizes = {"order": case.problem.ids}, range(1, 11)
        return wf.retraining.removal_curve(case.problem, order, case.queries, train, sizes=sizes, seeds=[0, 1], out=out, progress=False)

    resumed, whole = curve(out), curve(tmp_path / "whole.jsonl")
    assert out.read_text().startswith(before)
    for name, arm in whole.arms.items():
        for mine, its in zip(resumed.arms[name], arm, strict=True):
            assert torch.equal(mine.values, its.values) and torch.equal(mine.baseline, its.baseline) and mine.groups == its.groups
