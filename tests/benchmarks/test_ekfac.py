"""benchmarks/ekfac.py: its quick form runs with or without kronfluence, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ekfac.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs_and_agrees_with_dense_scores(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "ekfac.json").read_text())
    assert list(kept["limits"]) == ["MLP", "CNN"] and not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    assert sum("dense EK-FAC" in name for name in kept["bars"]) == 2
    assert (tmp_path / "ekfac.png").read_bytes().startswith(b"\x89PNG")


def test_ratios_and_missed_bars_are_told(bench: ModuleType) -> None:
    from four_models import Limit  # pyright: ignore[reportMissingImports]

    results = [
        bench.Result("MLP", engine, what, [seconds])
        for engine, seconds in ((bench.OURS, 1.0), (bench.PEER, 50.0))
        for what in (bench.SCORES, bench.OWN)
    ]
    bars = bench.checks(results, {"MLP": Limit(0.1, 10, 100.0)}, {"MLP": {"dense EK-FAC, same factors": 0.99}}, False)
    assert bars["MLP, fit and scores: times faster than kronfluence"] == {"found": 50.0, "at least": 20.0, "met": True}
    assert bars["MLP, self-influence: times faster than kronfluence"]["met"] is False
    assert bars["MLP, fit and scores: seconds over the physical limit"]["met"] is False
    assert bars["MLP: least correlation of a query's scores with dense EK-FAC, same factors"]["met"] is False
    assert bench.pearson(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[2.0, 4.0, 6.0]])) == pytest.approx(1.0)
