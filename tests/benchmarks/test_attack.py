"""benchmarks/attack.py: its quick form runs, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "attack.py"


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "attack.json").read_text())
    (model,) = kept["models"]
    assert model["flipped with 2"] == 1.0 and model["times random"] > 3 and kept["one image changed by 0.00196"]["pearson"] > 0.99
    for name in ("attack.png", "attack_images.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_missed_bars_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    table = pd.DataFrame([{"l2": 0.001, "flipped with 1": 0.4, "flipped with 2": 0.95, "flipped with 10": 1.0, "times random": 9.0}])
    bench.report(table, {bench.NEAR: {"pearson": 0.99}}, {"quick": False}, tmp_path)
    said = capsys.readouterr().out
    assert said.count("MISSED") == 2 and "MISSED flipped with 1: 0.400, at least 0.45" in said and "met    pearson: 0.990" in said
