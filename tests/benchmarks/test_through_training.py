"""benchmarks/through_training.py: its quick form runs, predicts the same run, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "through_training.py"


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "through_training.json").read_text())
    banks = pd.DataFrame(kept["banks"])
    unrolled = banks[banks["method"] == "unrolled influence"]
    assert (unrolled["LDS"] > 0.8).all() and len(unrolled) == 4
    loo = pd.DataFrame(kept["leave-one-out"])
    assert (loo[loo["method"] == "SGD-influence"]["τ"] > 0.95).all()
    assert (tmp_path / "through_training.png").read_bytes().startswith(b"\x89PNG")


def test_bars_are_those_of_the_rows_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    models = ["logistic regression", "network"]
    loo = pd.DataFrame({"model": models, "method": [bench.SGD] * 2, "τ": [0.9, 0.8], "overlap": [0.7, 0.5]})
    bank = pd.DataFrame({"optimiser": ["Adam"], "share": [0.1], "method": [bench.UNROLLED], "LDS": [0.5]})
    found = bench.bars(loo, bank, {"Adam": {"training": 1.0, bench.UNROLLED: 7.0}, "larger": {"training": 1.0, bench.UNROLLED: 9.0}})
    assert [(value, bar) for _, value, _, bar in found] == [(0.9, 0.97), (0.8, 0.78), (0.5, 0.6), (0.5, 0.85), (7.0, 6.0)]
