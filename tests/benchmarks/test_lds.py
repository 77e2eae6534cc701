"""benchmarks/lds.py: its quick form runs, and scores predict what halves do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "lds.py"


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "lds.json").read_text())
    table = pd.DataFrame(kept["rows"]).set_index(["model", "method", "models"])["LDS"]
    for model in ("softmax regression", "MLP"):
        assert table[model, "influence (EK-FAC)", 1] > 0.5 and abs(table[model, "random", 1]) < 0.3
    assert (tmp_path / "lds.png").read_bytes().startswith(b"\x89PNG")
