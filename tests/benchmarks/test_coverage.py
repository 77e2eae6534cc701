"""benchmarks/coverage.py: its quick form writes what it should, and its truths are those of large samples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


def test_the_quick_form_writes_numbers_and_a_chart(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT, "--quick", "--out", str(tmp_path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "coverage.json").read_text())
    assert kept["quick"] and {row["metric"] for row in kept["coverage"]} >= {"Nogueira", "LDS", "auc", "removal above random"}
    assert all(row["width"] > 0 and abs(row["bias"]) < row["width"] for row in kept["coverage"])
    assert [row["at least"] for row in kept["coverage"]].count(0.93) == 6 and len(kept["chance"]) == 25
    assert all(np.isfinite(row["found"]) for row in kept["chance"]) and "open" in done.stdout
    assert (tmp_path / "coverage.png").read_bytes().startswith(b"\x89PNG")


def test_truths_are_those_of_large_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, random = loaded(SCRIPT, monkeypatch), np.random.default_rng(5)
    for row in (
        bench.of_lds(20, 50),
        bench.of_lds(1, 50),
        bench.of_queries(20),
        bench.of_labels("auc"),
        bench.of_changes("slope", 0.8),
        bench.of_removal(),
    ):
        name, _, truth, draw, _ = row
        values = np.array([draw(random).value for _ in range(8)])
        assert abs(values.mean() - truth) < 4 * values.std(ddof=1) / 8**0.5 + 0.02, name
