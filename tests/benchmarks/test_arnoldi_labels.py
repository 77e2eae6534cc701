"""benchmarks/arnoldi_labels.py: its quick form runs, labels are corrupted where they should be, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "arnoldi_labels.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_finds_corrupted_labels(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "arnoldi_labels.json").read_text())
    assert {(row["form"], row["ranking"]) for row in kept["summary"]} == {
        (form, ranking) for form in ("held-out", "training") for ranking in ("self-influence", "loss", "gradient length")
    }
    assert all(row["AUC"] > 0.8 for row in kept["summary"] if row["form"] == "held-out")
    assert {bar["met"] for bar in kept["bars"].values()} == {None} and "open" in done.stdout
    assert (tmp_path / "arnoldi_labels.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["held-out", "training"])
def test_a_fifth_of_the_labels_of_one_part_becomes_another_digit(bench: ModuleType, form: str) -> None:
    y = torch.full((400,), 4)
    pool = bench.Data(torch.arange(400.0), y, torch.zeros(400, dtype=torch.bool))
    train, held = bench.drawn(pool, bench.SMALL, 0, form)
    touched, clean = (held, train) if form == "held-out" else (train, held)
    assert (len(train.y), len(held.y)) == (300, 100) and len(set(train.X.tolist()) | set(held.X.tolist())) == 400
    assert int(touched.flipped.sum()) == len(touched.y) // 5 and torch.equal(touched.y != 4, touched.flipped)
    assert not clean.flipped.any() and (clean.y == 4).all() and (y == 4).all()


def test_the_least_seed_decides_and_a_missed_bar_is_told(bench: ModuleType) -> None:
    results = [
        bench.Result(form, seed, 0.9, {bench.SELF: auc, bench.LOSS: 0.5}, {bench.SELF: 0.98, bench.LOSS: 0.5}, {}, {})
        for form in (bench.HELD, bench.TRAINING)
        for seed, auc in ((0, 0.999), (1, 0.98))
    ]
    table = bench.summary(results)
    assert bench.checks(table, False) == {
        "held-out images, least AUC": {"found": 0.98, "at least": 0.99, "met": False},
        "held-out images, least AP": {"found": 0.98, "at least": 0.97, "met": True},
    }
    assert table.set_index(["form", "ranking"]).loc[(bench.HELD, bench.SELF), "AUC"] == pytest.approx(0.9895)
