"""benchmarks/representers.py: its quick form runs, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "representers.py"


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "representers.json").read_text())
    figures = kept["figures"]
    assert figures["decomposition, largest error"] <= 1e-8 and figures["softmax, Pearson on test images"] >= 0.996
    assert figures["LJE weights less the Newton step"] <= 1e-8 and figures["LJE with influence on the logit, least Spearman"] >= 0.9999
    digits = pd.DataFrame(kept["class or instance"]).set_index(["data", "method"]).loc["digits, softmax regression"]
    assert digits["share of the class"]["RepresenterL2"] >= 0.99
    assert digits["top 10 in common"]["RepresenterL2"] >= 2 * digits["top 10 in common"]["InfluenceFunction"]
    flipped = pd.DataFrame(kept["flipped labels"]).set_index("ranking")["AUC"]
    assert flipped["loss"] > 0.95 and flipped["near the boundary, input space"] > 0.85 and abs(flipped["random"] - 0.5) < 0.1
    assert (tmp_path / "representers.png").read_bytes().startswith(b"\x89PNG")


def test_missed_bars_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    shares = {"share of the class": [1.0], "Spearman, same class": [0.5], "top 10 in common": [0.5], "distinct firsts": [1]}
    table = pd.DataFrame({"method": ["RepresenterL2"], **shares, "data": ["digits"]})
    figures = {name: 2 * bar if side == "at most" else bar / 2 for name, (side, bar) in bench.BARS.items()}
    bench.report(figures, table, pd.DataFrame({"ranking": ["loss"], "AUC": [0.9]}), {"quick": False}, tmp_path)
    assert capsys.readouterr().out.count("MISSED") == len(bench.BARS)
