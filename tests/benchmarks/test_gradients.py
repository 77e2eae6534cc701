"""benchmarks/gradients.py: its quick form agrees with autograd's other ways, and its hooks write out what autograd finds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.scripts import loaded
from torch.nn.functional import cross_entropy

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gradients.py"


@pytest.fixture
def gradients(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


@pytest.mark.parametrize("name", ["softmax regression", "MLP", "CNN", "transformer"])
def test_every_engine_writes_out_what_autograd_finds_one_by_one(gradients: ModuleType, name: str) -> None:
    import four_models  # pyright: ignore[reportMissingImports]

    random = torch.Generator().manual_seed(0)
    pair = torch.rand(6, 1, 7, 7, generator=random), torch.randint(10, (6,), generator=random)
    task = four_models.Task(name, four_models.built(name, True).eval(), pair, pair, [], [], 0.0)
    parameters = list(task.model.parameters())
    one_by_one = [torch.autograd.grad(cross_entropy(task.model(x[None]), y[None]), parameters) for x, y in zip(*pair, strict=True)]
    truth = torch.stack([torch.cat([part.flatten() for part in parts]) for parts in one_by_one])
    for (engine, what), work in gradients.engines(task, 6).items():
        expected = truth if what == gradients.TABLE else truth @ truth.T
        torch.testing.assert_close(work(pair, pair).detach(), expected, rtol=1e-4, atol=1e-5, msg=lambda text, engine=engine: f"{engine}: {text}")


def test_the_quick_form_agrees_everywhere(data_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "WHEREFROM_DATA": str(data_folder)}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "gradients.json").read_text())
    assert (kept["images"], kept["batch"], kept["queries"], kept["threads"]) == (200, 16, 5, 1)
    assert not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    assert len(kept["results"]) == 4 * 3 * 2
    agreed = [row["difference"] for row in kept["results"] if row["engine"] != "wherefrom Gradients"]
    assert len(agreed) == 4 * 2 * 2 and max(agreed) < 1e-4
    assert all(limit["seconds"] >= limit["passes"] > 0 for both in kept["limits"].values() for limit in both.values())
    assert (tmp_path / "gradients.png").read_bytes().startswith(b"\x89PNG")
