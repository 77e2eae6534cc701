"""benchmarks/projection.py: its quick form runs, and both ways are what they say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.problems import problem
from helpers.scripts import loaded

from wherefrom.gradients import Gradients

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "projection.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_writes_numbers_and_a_chart(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--out", tmp_path], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "projection.json").read_text())
    assert len(kept["results"]) == 8 and "open" in done.stdout and "met" in done.stdout
    assert not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    assert (tmp_path / "projection.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("way", ["sketch", "matrices"])
def test_both_ways_keep_inner_products_on_average(bench: ModuleType, way: str) -> None:
    p = problem("mlp").problem.to(torch.float32)
    gradients = Gradients(p)
    rows = gradients.losses(next(p.batches(size=6)))
    draws = [getattr(bench, way)(gradients, 16, seed)(rows) for seed in range(400)]
    assert all(draw.shape[1] <= 16 for draw in draws)
    products = torch.stack([draw @ draw.T for draw in draws]) - rows.dot(rows)
    assert (products.mean(0).abs() <= 4.5 * products.std(0) / 20 + 1e-6).all()
    assert not torch.equal(draws[0], draws[1])


def test_a_missed_bar_is_told(bench: ModuleType) -> None:
    bars = bench.checks([bench.Result("MLP", bench.SKETCH, [0.9, 0.98], [0.1, -0.1], [1.0, 1.0])], False)
    assert bars["MLP: correlation with the exact products"]["met"] is False
    assert bars["MLP: bias in standard errors"] == {"found": 0.0, "at most": 4.0, "met": True}
