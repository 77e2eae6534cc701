"""benchmarks/groups.py: its quick form runs, its groups are what they say, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "groups.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_runs(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "groups.json").read_text())
    sizes = pd.DataFrame(kept["sizes"]).assign(error=lambda rows: rows["errors"].map(np.median))
    by_order = sizes.query("data == 'breast cancer'").groupby("order")
    assert by_order["spearman"].min()["Newton"] > 0.95
    errors = by_order["error"].mean()
    assert errors["Newton"] < 0.5 * errors["first"] and errors["second"] < 0.5 * errors["first"]
    assert set(pd.DataFrame(kept["coherent"])["share"]) == {0.2, 0.4} and len(sizes) == 2 * 6 * 3
    assert (tmp_path / "groups.png").read_bytes().startswith(b"\x89PNG")


def test_groups_are_of_the_kinds_and_sizes_they_say(bench: ModuleType) -> None:
    task = bench.breast_cancer()
    kinds = bench.groups_of_all_sizes(task, 5, np.random.default_rng(0))
    assert set(kinds) == set(bench.KINDS)
    for kind, groups in kinds.items():
        sizes = [len(group) for group in groups.values()]
        assert all(len(set(group)) == len(group) for group in groups.values()) and sizes[0] == 1 and max(sizes) <= 0.25 * 450 + 1
        if kind in (bench.RANDOM, bench.WINDOW, bench.TAILS):
            assert sizes == [1, 29, 57, 85, 112]
    assert all(len(set(task.labels[group])) == 1 for group in kinds[bench.CLASS].values())
    for share in bench.COHERENT:
        coherent = bench.coherent_groups(task, share, 3, np.random.default_rng(0))
        assert {len(group) for groups in coherent.values() for group in groups.values()} == {round(share * 450)} and bench.RANDOM not in coherent


def test_missed_bars_are_told(bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def rows(figures: dict[str, tuple[float, float]], share: float | None) -> pd.DataFrame:
        return pd.DataFrame(
            [{"data": "D", "kind": kind, "order": order, "share": share, "spearman": r, "errors": [e]}
             for kind in bench.KINDS for order, (r, e) in figures.items()]
        )  # fmt: skip

    pairs = pd.DataFrame([{"data": "D", "kind": kind, "order": "first", "actual": x, "predicted": x} for kind in bench.KINDS for x in (0.0, 1.0)])
    sizes, coherent = (
        rows({"first": (0.95, 0.2), "second": (0.97, 0.1), "Newton": (0.94, 0.15)}, None),
        rows({"first": (0.9, 0.4), "second": (0.92, 0.1)}, 0.2),
    )
    bench.report(sizes, coherent, pairs, {"quick": False}, tmp_path)
    said = capsys.readouterr().out
    assert said.count("MISSED") == 3 and said.count("met ") == 4
    assert "MISSED 0.25 % to 25 %, D: Newton less first, least of a kind: -0.010, at least 0" in said
