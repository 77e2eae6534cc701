"""benchmarks/loo_mnist.py: its quick form writes the figures of each form of influence, close to those of true retraining; a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "loo_mnist.py"


def test_the_quick_form_finds_influence_close_to_retraining(data_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "WHEREFROM_DATA": str(data_folder)}, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "loo_mnist.json").read_text())
    assert len(kept["queries"]) == 3 * 8
    assert set(kept["summary"]) == {"linear", "leverage", "linear, LiSSA"}
    assert all(seconds >= 0 for seconds in kept["seconds"].values())
    linear, leverage = kept["summary"]["linear"], kept["summary"]["leverage"]
    assert leverage["least r"] > 0.997
    assert 0.95 < leverage["slope from"] <= leverage["slope to"] < 1.05
    assert linear["median r"] > 0.95 and linear["slope to"] < 1
    assert min(linear["least sign agreement (top)"], leverage["least sign agreement (top)"]) == 1
    assert kept["summary"]["linear, LiSSA"]["least r"] > 0.9
    assert {bar["met"] for bar in kept["bars"].values()} == {None} and "open" in done.stdout
    assert (tmp_path / "loo_mnist.png").read_bytes().startswith(b"\x89PNG")
    assert "linear" in done.stdout and "leverage" in done.stdout


def test_a_missed_bar_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = loaded(SCRIPT, monkeypatch)
    figures = {"median r": 0.9995, "least r": 0.99, "slope from": 0.9, "slope to": 1.01}
    assert {name: bar["met"] for name, bar in bench.checks("linear", figures, False).items()} == {
        "linear, slope from": True, "linear, slope to": False, "linear, median r": True, "linear, least r": False,
    }  # fmt: skip
    assert bench.checks(bench.LISSA, figures, False) == {"linear, LiSSA, least r": {"found": 0.99, "at least": 0.98, "met": True}}
