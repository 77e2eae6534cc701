"""benchmarks/retraining.py: its quick form runs, and models trained together are those trained in turn."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "retraining.py"


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "retraining.json").read_text())
    assert max(kept["gaps"].values()) < 1e-6 and len(kept["rows"]) == 2 + 2 + 4
    assert {row["models"] for row in kept["rows"]} == {8}
    assert (tmp_path / "retraining.png").read_bytes().startswith(b"\x89PNG")
