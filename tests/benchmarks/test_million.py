"""benchmarks/million.py: a million rows stay far below their bar of memory, in seconds, with a bar of progress."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "million.py"


def printed(*arguments: object) -> tuple[str, str]:
    """Standard output and error on one thread, with progress shown as on a terminal."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "FORCE_COLOR": "1"}
    done = subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, done.stderr


def test_a_million_rows_and_a_hundred_queries_through_the_last_two_layers() -> None:
    out, shown = printed("--alone", "tracin", "--rows", 1_000_000, "--queries", 100)
    found = json.loads(out)
    assert found["data bytes"] > 256e6 and found["peak above data"] < 1.5 * 2**30
    assert found["difference"] < 1e-4
    assert "scoring training batches" in shown and "977/977" in shown


def test_rows_do_not_add_to_the_peak() -> None:
    found = json.loads(printed("--alone", "gradient-dot", "--rows", 100_000, "--queries", 100)[0])
    assert found["peak above data"] < 0.15 * 2**30 and found["difference"] < 1e-4


def test_the_quick_form_keeps_its_numbers(tmp_path: Path) -> None:
    out, _ = printed("--quick", "--out", tmp_path)
    kept = json.loads((tmp_path / "million.json").read_text())
    assert [one["rows"] for one in kept["results"]] == [20_000, 20_000] and all(one["met"] for one in kept["results"])
    assert "peak above data" in out and all(one["difference"] == pytest.approx(0, abs=1e-4) for one in kept["results"])
