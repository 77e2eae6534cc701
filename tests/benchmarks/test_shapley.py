"""benchmarks/shapley.py: its quick form's numbers and files, its model, and how bars are told."""

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
from sklearn.linear_model import LogisticRegression

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "shapley.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_writes_numbers_and_a_chart(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "shapley.json").read_text())
    table = pd.DataFrame(kept["removal"]).pivot(index="share", columns="removed by", values="mean")
    assert table.iloc[0].nunique() == 1  # nothing is gone yet
    fifth = table.iloc[4]
    assert fifth["Shapley value"] < fifth["leave-one-out"] < fifth["by chance"]
    assert all(bar["met"] is None for bar in kept["bars"]) and kept["evaluations"] < 40 * 99 + 2
    assert (tmp_path / "shapley.png").read_bytes().startswith(b"\x89PNG")


def test_its_model_is_logistic_regression(bench: ModuleType) -> None:
    game, test = bench.drawn(5)
    X, y = game.train
    peer = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(bench.fitted(X, y), peer.coef_[0], atol=1e-5)
    assert game(np.arange(0)) == 0.5 and game(np.flatnonzero(y == 1)) == pytest.approx(float((game.validation[1] == 1).mean()))
    assert bench.accuracy(peer.coef_[0], test) == peer.score(*test)


def test_bars_are_read_at_a_fifth(bench: ModuleType) -> None:
    random, rows = np.random.default_rng(0), []
    for seed in range(8):
        for name, low in ((bench.SHAPLEY, 0.6), (bench.LOO, 0.62), (bench.RANDOM, 0.58)):
            rows.append({"seed": seed, "removed by": name, "share": 0.2, "accuracy": low + 0.001 * random.normal()})
    knn = {"seconds": {"wherefrom": 1.0, "pyDVL": 4.0}, "difference": 1e-15}
    bars = bench.checks(pd.DataFrame(rows), knn, 10.0, False)
    assert [bar["met"] for bar in bars] == [True, False, True, False, True]
