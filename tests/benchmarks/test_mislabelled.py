"""benchmarks/mislabelled.py: its bars on one seed at full size, the files of its quick form, and how it flips and counts."""

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
from sklearn.metrics import roc_auc_score

import wherefrom as wf

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mislabelled.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


def run(out: Path, *arguments: str) -> tuple[str, dict]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT, "--out", str(out), *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, json.loads((out / "mislabelled.json").read_text())


@pytest.mark.usefixtures("data_folder")
def test_self_influence_finds_flipped_labels(tmp_path: Path) -> None:
    _, kept = run(tmp_path, "--seeds", "1")
    assert kept["images"] == 1000 and kept["flipped"] == 100
    assert [bar["met"] for bar in kept["bars"].values()] == [True, True]
    assert [bar["at least"] for bar in kept["bars"].values()] == [0.97, 0.90]
    assert {row["ranking"] for row in kept["summary"]} == {"self-influence", "final loss", "mean loss", "random"}
    assert all(0.4 < row["mean"] < 0.6 for row in kept["summary"] if row["ranking"] == "random")


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_writes_numbers_and_a_chart(tmp_path: Path) -> None:
    out, kept = run(tmp_path, "--quick")
    assert kept["quick"] and len(kept["results"]) == 4 and "open" in out
    assert (tmp_path / "mislabelled.png").read_bytes().startswith(b"\x89PNG")


def test_a_tenth_of_the_labels_becomes_another_digit(bench: ModuleType) -> None:
    fours = wf.datasets.Images(torch.zeros(3000, 1, 2, 2), torch.full((3000,), 4), np.arange(3000), tuple("0123456789"))
    data = bench.drawn(fours, 2000, 0)
    assert int(data.flipped.sum()) == 200 and (data.y[~data.flipped] == 4).all()
    counts = data.y[data.flipped].bincount(minlength=10)
    assert counts[4] == 0 and counts.sort().values[1] >= 10


def test_a_seed_trains_the_same_model_again(bench: ModuleType) -> None:
    data = bench.Data(torch.randn(60, 784), torch.randint(10, (60,)), torch.arange(60) < 6)
    (one, kept), (two, again) = bench.trained("MLP", data, 3, 5), bench.trained("MLP", data, 3, 5)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert len(kept) == len(again) == 2


def test_ties_count_half_in_the_auc(bench: ModuleType) -> None:
    assert bench.area(torch.tensor([2.0, 2.0, 1.0, 0.0]), torch.tensor([True, False, False, True])) == pytest.approx(1.5 / 4)
    scores, flipped = torch.randint(5, (200,)), torch.rand(200) < 0.3
    assert bench.area(scores, flipped) == pytest.approx(roc_auc_score(flipped, scores))


def test_inspection_goes_from_the_highest_score_down(bench: ModuleType) -> None:
    found = bench.inspected(torch.tensor([1.0, 4.0, 3.0, 2.0]), torch.tensor([False, True, False, True]))
    assert found.tolist() == [0.5, 0.5, 1.0, 1.0]
