"""benchmarks/solvers.py: its quick form runs with or without the peers and agrees with the dense reference, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "solvers.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_agrees_with_its_reference_and_says_which_peers_are_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "solvers.json").read_text())
    assert (kept["images"], kept["queries"], kept["parameters"], kept["threads"]) == (300, 5, 500, 1)
    assert not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    rows = {row["engine"].removeprefix("wherefrom "): row for row in kept["results"]}
    assert all(rows[name]["error"] < 1e-5 for name in ("Exact", "CG", "CG with K-FAC", "Arnoldi, complement, 1000 steps"))
    assert rows["LiSSA"]["error"] < 0.1 and rows["Arnoldi, complement"]["error"] < rows["Arnoldi"]["error"] < 0.5
    assert all(rows[name]["residual"] < 3e-6 for name in ("Exact", "CG", "CG with K-FAC"))
    for peer in ("pyDVL", "dattri", "captum"):
        assert any(row["engine"].startswith(peer) for row in kept["results"]) or any(peer in line for line in kept["not compared"])
    assert (tmp_path / "solvers.png").read_bytes().startswith(b"\x89PNG")


def test_an_engine_gets_its_part_and_its_scores_are_scaled_to_all_queries(bench: ModuleType) -> None:
    import exact  # pyright: ignore[reportMissingImports]

    task = exact.Task(np.zeros((30, 2)), np.zeros(30, int), np.zeros((10, 2)), np.zeros(10, int), np.zeros((10, 2)), np.zeros(10))
    engine = bench.Engine("pyDVL", lambda part: (1.0, 2.0, torch.zeros(len(part.yq), len(part.y))), images=20, queries=4)
    fit, scoring, values = engine.run(task)
    assert (fit, scoring, tuple(values.shape)) == (1.0, 5.0, (4, 20))


def test_accuracy_is_of_the_whole_table_and_of_its_worst_query(bench: ModuleType) -> None:
    truth = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 12.0], [9.0, 9.0, 9.0]])
    error, least = bench.accuracy(truth[:2] + [[0.0, 0.0, 1.3], [0.0, 0.0, 0.0]], truth)
    assert error == pytest.approx(0.1) and least == pytest.approx(np.corrcoef([3.0, 4.0, 1.3], [3.0, 4.0, 0.0])[0, 1])


def test_a_missed_bar_is_told(bench: ModuleType) -> None:
    from four_models import Limit  # pyright: ignore[reportMissingImports]

    results = [
        bench.Result(bench.PRECONDITIONED, 10, 5, [1.0], [4.0, 2.0, 3.0], 1e-3, 0.99),
        bench.Result(bench.DIRECT, 10, 5, [1.0], [45.0], 1e-7, 1.0),
    ]
    closer = {"all queries": {"iterations": 13, "residual": 1e-7}, "one query": {"iterations": 40, "residual": 1e-7}}
    bars = bench.checks(results, closer, Limit(0.5, 100, 100.0), False)
    name = bench.PRECONDITIONED
    assert bars[f"{name}: times faster than {bench.DIRECT}"] == {"found": 15.0, "at least": 20.0, "met": False}
    assert bars[f"{name}: relative error"]["met"] is False and bars[f"{name}: residual"]["met"] is True
    assert bars[f"{name}: iterations to it, all queries"]["met"] is False
    assert bars[f"{name}: seconds over the physical limit"]["found"] == pytest.approx(2.0)


def test_a_peer_that_fails_says_why_and_one_that_takes_long_runs_once(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import exact  # pyright: ignore[reportMissingImports]

    random = np.random.default_rng(0)
    task = exact.Task(random.random((12, 3)), np.arange(12) % 10, random.random((2, 3)), np.arange(2), random.normal(size=(10, 3)), np.zeros(10))
    truth = torch.from_numpy(exact.reference(task).values)

    def fails(_: object) -> None:
        raise RuntimeError("no room\nat all")

    found = [
        bench.Engine("dattri one", fails),
        bench.Engine("dattri two", lambda _: (50.0, 20.0, truth)),
        bench.Engine("wherefrom", lambda _: (9e9, 0, truth)),
    ]
    failed, long, ours = bench.timed(task, task, found, 3, 60.0)
    assert failed.note == "RuntimeError: no room" and failed.seconds is None
    assert (long.rounds, len(ours.rounds)) == ([70.0], 3) and long.error == 0
