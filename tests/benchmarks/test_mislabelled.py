"""benchmarks/mislabelled.py: its bars on one seed at full size, and the files of its quick form."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mislabelled.py"
pytestmark = pytest.mark.usefixtures("data_folder")


def run(out: Path, *arguments: str) -> tuple[str, dict]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT, "--out", str(out), *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, json.loads((out / "mislabelled.json").read_text())


def test_self_influence_finds_flipped_labels(tmp_path: Path) -> None:
    _, kept = run(tmp_path, "--seeds", "1")
    assert kept["images"] == 1000 and kept["flipped"] == 100
    assert [bar["met"] for bar in kept["bars"].values()] == [True, True]
    assert [bar["at least"] for bar in kept["bars"].values()] == [0.97, 0.90]
    assert {row["ranking"] for row in kept["summary"]} == {"self-influence", "final loss", "mean loss", "random"}
    assert all(0.4 < row["mean"] < 0.6 for row in kept["summary"] if row["ranking"] == "random")


def test_the_quick_form_writes_numbers_and_a_chart(tmp_path: Path) -> None:
    out, kept = run(tmp_path, "--quick")
    assert kept["quick"] and len(kept["results"]) == 4 and "open" in out
    assert (tmp_path / "mislabelled.png").read_bytes().startswith(b"\x89PNG")
