"""benchmarks/trust.py: its quick form writes what it should, and its closed forms are those of retraining."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.scripts import loaded

import wherefrom as wf

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "trust.py"


def test_the_quick_form_writes_numbers_and_a_chart(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT, "--quick", "--out", str(tmp_path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "trust.json").read_text())
    assert kept["quick"] and len(kept["simulations"]) == 7 and len(kept["bars"]) == 10 and "open" in done.stdout
    for row in kept["simulations"]:
        assert 0 <= row["core"] <= 10 <= row["possible"] <= 60 and (row["coverage"] is None or 0.5 < row["coverage"] <= 1)
        assert not row["false"] and row["empty"] == ("seeds" not in row["simulation"])
    assert (tmp_path / "trust.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", [False, True])
def test_truths_are_those_of_trainings_with_the_example(monkeypatch: pytest.MonkeyPatch, kind: bool) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    world = bench.World(kind, 200, 3)
    X, y = world.drawn(5)
    queries = world.drawn(77, 2)
    scores, _ = world.truth(X[:4], y[:4], queries, world.fits(1))
    others, labels = world.drawn(10_000_000, 199)
    for place in range(4):
        problem = world.problem(torch.cat([others, X[place : place + 1]]), torch.cat([labels, y[place : place + 1]]))
        there = wf.attribute(bench.METHOD, problem, queries, progress=False).values[:, -1].numpy()
        assert np.abs(scores[:, place] - there).max() < (0.03 if kind else 1e-9) * np.abs(scores).max()  # one Newton step is exact for the linear
