"""benchmarks/trees.py: its quick form runs, agrees with CatBoost where that is exact, and scores predict what retraining does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "trees.py"


def test_the_quick_form_runs(tmp_path: Path) -> None:
    for name in ("catboost", "lightgbm", "xgboost"):
        pytest.importorskip(name, reason="needs the extra trees: pip install wherefrom[trees]")
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "trees.json").read_text())
    assert kept["speed"]["seconds"]["AllPoints"]["correlation"] > 1 - 1e-9
    found = {(row["table"], row["left out"], row["method"]): row["LDS"] for row in kept["truth"] if "method" in row}
    assert found["wine", 0.5, "LeafInfluence()"] > 0.2
    assert [row["rows"] for row in kept["cost"]] == [1000, 4000]
