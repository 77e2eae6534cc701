"""benchmarks/tracin.py: its quick form runs with or without the peers, and a missed bar is told."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tracin.py"


@pytest.fixture
def tracin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return loaded(SCRIPT, monkeypatch)


def test_scaling_counts_the_queries_where_they_are_prepared_once(tracin: ModuleType) -> None:
    import four_models  # pyright: ignore[reportMissingImports]

    data = torch.zeros(1000, 1), torch.zeros(1000)
    task = four_models.Task("MLP", torch.nn.Linear(1, 1), data, (data[0][:100], data[1][:100]), [], [], 0.0)
    assert tracin.Engine("each batch", tracin.ALL, lambda *_: torch.zeros(1), 100).scale(task) == pytest.approx(10)
    assert tracin.Engine("once", tracin.ALL, lambda *_: torch.zeros(1), 100, True).scale(task) == pytest.approx(1100 / 200)
    assert tracin.Engine("all", tracin.ALL, lambda *_: torch.zeros(1), 1000, True).scale(task) == pytest.approx(1)


def test_difference_is_relative_to_the_largest_score_of_the_images_at_hand(tracin: ModuleType) -> None:
    truth = torch.tensor([[1.0, -4.0, 9.0], [0.0, 2.0, 0.0]])
    assert tracin.difference(truth[:, :2] + torch.tensor([[0.0, 1.0], [0.0, 0.0]]), truth) == pytest.approx(0.25)


def test_the_faster_form_that_agrees_gives_the_ratio_and_a_missed_bar_is_told(tracin: ModuleType) -> None:
    from four_models import Limit  # pyright: ignore[reportMissingImports]

    def result(engine: str, layers: str, seconds: float, difference: float | None) -> object:
        return tracin.Result("MLP", engine, layers, 10, 1.0, [seconds, 0.0, 2 * seconds], difference)

    results = [
        result(tracin.OURS, tracin.ALL, 1.0, None),
        result(tracin.OURS, tracin.LAST, 1.0, None),
        result(tracin.LOOP, tracin.ALL, 50.0, 1e-6),
        result(tracin.HOOKS, tracin.ALL, 5.0, 1e-2),
        result(tracin.FAST, tracin.LAST, 3.0, 1e-6),
        tracin.Result("MLP", tracin.DATTRI, tracin.ALL, 10, 1.0, [], None, "RuntimeError: no"),
    ]
    bars = tracin.checks(results, {("MLP", tracin.ALL): Limit(0.2, 10, 100.0), ("MLP", tracin.LAST): Limit(0.1, 10, 100.0)}, False)
    assert bars[f"MLP, all layers: times faster than {tracin.LOOP}"] == {"found": pytest.approx(50), "at least": 60, "met": False}
    assert bars[f"MLP, last layer: times faster than {tracin.FAST}"]["met"] is True
    assert bars["MLP, all layers: seconds over the physical limit"] == {"found": pytest.approx(1 / 0.3), "at most": 3, "met": False}
    assert bars["MLP, last layer: seconds over the physical limit"] == {"found": pytest.approx(1 / 0.2), "at most": None, "met": None}
    assert bars[f"MLP: difference of {tracin.HOOKS}"]["met"] is False
    assert not [name for name in bars if "dattri" in name]


def test_the_limit_counts_the_cheaper_product_of_each_layer(tracin: ModuleType) -> None:
    import four_models  # pyright: ignore[reportMissingImports]

    data = torch.zeros(20, 1, 7, 7), torch.zeros(20, dtype=torch.long)

    def task(model: torch.nn.Module) -> object:
        return four_models.Task("any", model, data, (data[0][:3], data[1][:3]), [], [], 0.0)

    assert four_models.score_products(task(four_models.MLP(49)), 20, 3) == 60 * (50 + 10)
    assert four_models.written_out(task(four_models.MLP(49)), 20) == 20 * 50 * 10
    conv, head = (49, 25 + 1, 2), (1, 9 + 1, 10)
    cnn = task(four_models.CNN(7, (2, 9)))
    inner = (9, 2 * 25 + 1, 9)
    each = [min(60 * t * t * (i + o), 23 * t * i * o + 60 * i * o) for t, i, o in (conv, inner, head)]
    assert four_models.score_products(cnn, 20, 3) == sum(each) and four_models.score_products(cnn, 20, 3, last=True) == each[-1]


def test_the_quick_form_runs_and_says_which_peers_are_missing(data_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "WHEREFROM_DATA": str(data_folder)}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "tracin.json").read_text())
    assert (kept["images"], kept["queries"], kept["checkpoints"], kept["threads"]) == (200, 5, 2, 1)
    assert not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    ours = {(row["model"], row["layers"]) for row in kept["results"] if row["engine"] == "wherefrom TracIn"}
    assert ours == {(model, layers) for model in kept["models"] for layers in ("all layers", "last layer")}
    assert list(kept["models"]) == ["softmax regression", "MLP", "CNN", "transformer"]
    assert all(len(set(model["learning rates"])) == 2 for model in kept["models"].values())
    assert all(limit["seconds"] >= limit["passes"] > 0 for limit in kept["limits"]) and len(kept["limits"]) == 8
    assert all((row["planned"] or 0) > 0 for row in kept["results"] if row["engine"] == "wherefrom TracIn")
    for peer in ("captum", "dattri"):
        assert any(row["engine"].startswith(peer) for row in kept["results"]) or any(peer in line for line in kept["not compared"])
        assert peer in done.stdout
    assert (tmp_path / "tracin.png").read_bytes().startswith(b"\x89PNG")
