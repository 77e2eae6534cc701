"""benchmarks/trak.py: its quick form runs, halves are scored as they are trained, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch
from helpers.scripts import loaded
from torch import nn
from torch.nn.functional import cross_entropy

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "trak.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "trak.json").read_text())
    scores = {(row["method"], row["models"]): row["score"] for row in kept["methods"]}
    assert scores["TRAK", 3] > 0.2 and scores["EK-FAC influence", 1] > 0.2 and abs(scores["random", 1]) < 0.4
    assert all(bar["met"] is None for bar in kept["bars"].values()) and "open" in done.stdout
    assert kept["race"]["correlation with wherefrom"]["plain loop"] > 0.3
    assert (tmp_path / "trak.png").read_bytes().startswith(b"\x89PNG")


def test_models_trained_at_once_are_those_trained_alone(bench: ModuleType) -> None:
    random = torch.Generator().manual_seed(1)
    X, y, members = torch.randn(30, 6, generator=random), torch.arange(30) % 10, torch.arange(20)[None]
    (states,) = bench.trained(X, y, members, 5, 10)
    random = torch.Generator().manual_seed(5)
    first, last = nn.Linear(6, bench.HIDDEN), nn.Linear(bench.HIDDEN, 10)
    model = nn.Sequential(first, nn.Tanh(), last)
    for layer in (first, last):
        layer.weight.data.copy_(torch.randn(layer.weight.shape, generator=random) / layer.in_features**0.5)
        layer.bias.data.zero_()
    optimiser = torch.optim.SGD(model.parameters(), lr=bench.RATE, weight_decay=bench.L2)
    for _ in range(10):
        for places in torch.randperm(20, generator=random).split(bench.BATCH):
            optimiser.zero_grad()
            cross_entropy(model(X[places]), y[places]).backward()
            optimiser.step()
    assert len(states) == bench.CHECKPOINTS
    for name, value in model.state_dict().items():
        torch.testing.assert_close(states[-1][name], value)


def test_scores_that_sum_to_the_truth_score_one(bench: ModuleType) -> None:
    scores, halves = torch.randn(3, 20), (torch.rand(12, 20) < 0.5).float()
    assert bench.score(scores, halves, scores @ halves.T) == pytest.approx([1, 1, 1])
    assert bench.score(-scores, halves, scores @ halves.T) == pytest.approx([-1, -1, -1])
    margins = (scores @ halves.T).expand(4, -1, -1)
    assert bench.agreement(margins) == pytest.approx(1) and bench.agreement(margins[:1]) is None


def test_missed_bars_are_told(bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("TRAK", 1, 0.3), ("TRAK", 10, 0.2), (bench.DOT, 1, 0.25)]
    table = pd.DataFrame([{"method": name, "models": n, "score": s, "deviation": None, "error": 0.1, "seconds": 1.0} for name, n, s in rows])
    race = {"seconds": {"wherefrom": 2.0, bench.PLAIN: 1.0}, "correlation with wherefrom": {bench.PLAIN: 0.9}}
    bench.report(table, race, {"quick": False}, tmp_path)
    said = capsys.readouterr().out
    assert said.count("MISSED") == 3 and "TRAK of 10 models above TRAK of one: -0.100, above 0" in said
    race["seconds"]["wherefrom"] = 0.2
    assert [bar["met"] for bar in bench.bars(table, race, False).values()] == [False, False, True]
