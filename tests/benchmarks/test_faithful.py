"""benchmarks/faithful.py: its quick form runs, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "faithful.py"


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "faithful.json").read_text())
    table = pd.DataFrame(kept["pairs"]).set_index("pair")
    assert table["PBRF"]["GaussNewton, CG"] > 0.95 and table["ranking"]["GaussNewton, CG"] == pytest.approx(1.0)
    assert (tmp_path / "faithful.png").read_bytes().startswith(b"\x89PNG")


def test_missed_bars_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    figures = {"seconds": [1.0, 2.0], "PBRF": [0.9, 0.95], bench.SAME: [0.5, 0.5], bench.OTHER: [0.8, 0.8]}
    bench.report(pd.DataFrame({"pair": [bench.TRUE, "EKFAC"], **figures}), 3.0, {"quick": False}, tmp_path)
    said = capsys.readouterr().out
    assert said.count("MISSED") == 4 and "RelatIF's seconds over influence's: 3.000, at most 2" in said
    assert "met    GaussNewton, CG: that above its correlation with leave-one-out, same start: 0.400" in said
