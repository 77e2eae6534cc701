"""Outcomes on disk: nothing is trained twice, nothing written is lost, nothing foreign is read."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf

GROUPS = {"a": [1, 2], "b": [5], "c": [7, 8, 9]}


@dataclass(frozen=True)
class Counted:
    """A trainer that notes its calls, and dies at one of them."""

    dies_at: int = 10**9
    calls: ClassVar[list[tuple[int, int]]] = []

    def __call__(self, problem: wf.Problem, seed: int) -> dict[str, torch.Tensor]:
        if len(self.calls) == self.dies_at:
            raise KeyboardInterrupt
        self.calls.append((len(problem), seed))
        return {name: value + 0.001 * len(problem) + 1e-17 * seed for name, value in problem.parameters.items()}

    def __repr__(self) -> str:
        return "Counted()"


@pytest.fixture(autouse=True)
def no_calls() -> None:
    Counted.calls.clear()


def test_what_was_trained_is_not_trained_again(tmp_path: Path) -> None:
    case, out = problem("mlp"), tmp_path / "kept" / "outcomes.jsonl"
    first = wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), seeds=[0, 1], out=out)
    assert len(Counted.calls) == 8
    again = wf.retrain_without(case.problem, {"d": [4], "b": [5], "c again": [9, 8, 7]}, case.queries, Counted(), seeds=[1], out=out)
    assert len(Counted.calls) == 9
    assert torch.equal(again.values[0, :, 1:], first.values[1, :, 1:]) and torch.equal(again.baseline[0], first.baseline[1])


def test_after_an_interruption_the_rest_alone_is_trained_and_all_is_the_same_to_the_bit(tmp_path: Path) -> None:
    case, out = problem("mlp"), tmp_path / "outcomes.jsonl"
    whole = wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), seeds=[0, 1])
    Counted.calls.clear()
    with pytest.raises(KeyboardInterrupt):
        wf.retrain_without(case.problem, GROUPS, case.queries, Counted(dies_at=6), seeds=[0, 1], out=out)
    assert len(Counted.calls) == 6
    with out.open("a") as file:
        file.write('{"key": "cut o')  # what a kill in the middle of a line leaves
    found = wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), seeds=[0, 1], out=out)
    assert len(Counted.calls) == 8 and torch.equal(found.values, whole.values) and torch.equal(found.baseline, whole.baseline)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from helpers.problems import problem
import wherefrom as wf
case, train = problem("mlp"), wf.train.sgd(1, 0.1, batch_size=6)
class Dying(type(train)):
    def __call__(self, p, seed=0, progress=False):
        if len(p) == len(case.problem) - 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(p, seed)
    without = None
def dying(p, seed):
    if len(p) == len(case.problem) - 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return train(p, seed)
dying.__module__, dying.__qualname__ = "its", "trainer"
wf.retrain_without(case.problem, {"a": [1, 2], "b": [5], "c": [7, 8, 9]}, case.queries, dying, out=sys.argv[1], progress=False)
"""


def test_a_kill_loses_the_run_in_hand_alone(tmp_path: Path) -> None:
    case, out, train = problem("mlp"), tmp_path / "outcomes.jsonl", wf.train.sgd(1, 0.1, batch_size=6)
    command = [sys.executable, "-c", KILLED, str(out), str(Path(__file__).parents[1])]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(out.read_text().splitlines()) == 4  # what it is of, the baseline, a and b

    def its(p: wf.Problem, seed: int) -> wf.retraining.Run:
        return train(p, seed)

    its.__module__, its.__qualname__ = "its", "trainer"
    found = wf.retrain_without(case.problem, GROUPS, case.queries, its, out=out)
    assert torch.equal(found.values, wf.retrain_without(case.problem, GROUPS, case.queries, its).values)


def test_outcomes_of_something_else_are_refused_and_stay(tmp_path: Path) -> None:
    case, out = problem("mlp"), tmp_path / "outcomes.jsonl"
    wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), out=out)
    before = out.read_bytes()
    with pytest.raises(wf.UsageError, match="another queries"):
        wf.retrain_without(case.problem, GROUPS, tuple(part[:2] for part in case.queries), Counted(), out=out)
    with pytest.raises(wf.UsageError, match="another normalise"):
        wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), normalise=True, out=out)
    with pytest.raises(wf.UsageError, match="another trainer"):
        wf.retrain_without(case.problem, GROUPS, case.queries, wf.train.sgd(1, 0.1), out=out)
    with pytest.raises(wf.UsageError, match="another problem"):
        wf.retrain_without(problem("softmax").problem, GROUPS, problem("softmax").queries, Counted(), out=out)
    assert out.read_bytes() == before
    other = tmp_path / "notes.txt"
    other.write_text("mine\n")
    with pytest.raises(wf.UsageError, match="holds something else"):
        wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), out=other)
    with pytest.raises(wf.UsageError, match="is a folder"):
        wf.retrain_without(case.problem, GROUPS, case.queries, Counted(), out=tmp_path)
    assert other.read_text() == "mine\n"
