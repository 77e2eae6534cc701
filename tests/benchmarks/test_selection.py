"""benchmarks/selection.py: its quick form's numbers, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "selection.py"


def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "selection.json").read_text())
    table = pd.DataFrame(kept["selections"]).set_index("chosen by")
    assert table["influence kept"]["plain top"] == pytest.approx(1) and (table["influence kept"] >= 0.9).all()
    assert (table.loc["facility location":, "clusters"] > table["clusters"]["plain top"]).all()
    shares = pd.DataFrame(kept["explained"]).set_index("chosen by")["explained"]
    assert shares.idxmax() == "Fisher kernels" and 0 < shares["random"] < shares["|RelatIF|"] < 1
    assert {bar["met"] for bar in kept["bars"].values()} == {None}
    assert (tmp_path / "selection.png").read_bytes().startswith(b"\x89PNG")


def test_missed_bars_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    ways = ["plain top", *bench.FORMS]
    figures = {"influence kept": [1.0, 0.95, 0.89, 0.9], "distance": [2.0, 3.0, 3.0, 2.0], "clusters": [5.0, 9.0, 9.0, 9.0], "classes": [2.0] * 4}
    table = pd.DataFrame({"data": "MNIST", "chosen by": ways, **figures, "seconds": [0.0, 61.0, 1.0, 1.0]})
    shares = pd.DataFrame({"data": "MNIST", "chosen by": ["Fisher kernels", "random"], "explained": [0.9, 0.95], "seconds": [1.0, 0.0]})
    bench.report(table, shares, {"quick": False}, tmp_path)
    said = capsys.readouterr().out
    assert said.count("MISSED") == 4 and "MISSED MNIST, sum redundancy: influence kept: 0.890, at least 0.9" in said
    assert "MISSED MNIST, MMD: distance over the plain top's: 0.000, above 0" in said


def test_what_a_choice_explains_is_a_projection(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    case = bench.digits(60, 1, 3)
    with torch.no_grad():
        kernel = bench.FisherKernel.of(case.ihvp, case.problem, case.asked, False)
    first = bench.objective(kernel, np.array([4]))
    assert first == pytest.approx(float(kernel.toward[4] ** 2 / kernel.diagonal[4]))
    assert bench.objective(kernel, np.array([4, 4])) == pytest.approx(first)  # a copy adds nothing
    assert first <= bench.objective(kernel, np.array([4, 9])) <= kernel.ceiling
