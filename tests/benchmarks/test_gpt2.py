"""benchmarks/gpt2.py: its quick form runs with or without kronfluence, and a Conv1D says the same as the Linear layer that replaces it."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpt2.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("transformers")
    return loaded(SCRIPT, monkeypatch)


def test_the_quick_form_runs(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    done = subprocess.run([sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "gpt2.json").read_text())
    assert {"plan, seconds", "gradient dot, plain passes", "EK-FAC of everything, GB"} <= set(kept["bars"])
    assert all(bar["met"] is None for bar in kept["bars"].values())


def test_a_linear_layer_says_what_conv1d_said(bench: ModuleType) -> None:
    model, tokens, _ = bench.model_and_tokens(True)
    before = model(input_ids=tokens).logits
    assert torch.allclose(bench.with_linear_layers(model)(input_ids=tokens).logits, before, atol=1e-5)
    assert not [layer for layer in model.modules() if type(layer).__name__ == "Conv1D"]


def test_missed_bars_are_told(bench: ModuleType) -> None:
    dot = {"plan, seconds": 6.0, "plan's estimate, seconds": 1.0, "gradient dot, seconds": 3.0, "plain passes, seconds": 2.0, "GB": 1.0}
    fit = {"fit": 3.0, "scores": 1.0, "GB": 13.0, "values": [[1.0, 2.0, 4.0]]}
    numbers = bench.figures(dict(zip(bench.PARTS, (dot, fit, fit, {**fit, "fit": 15.0}), strict=True)))
    assert numbers["gradient dot, plain passes"] == 1.5 and numbers["EK-FAC of everything, GB"] == 13.0
    assert numbers["EK-FAC of the blocks, times kronfluence's"] == 0.25
    assert numbers["least correlation of a query's scores with kronfluence's"] == pytest.approx(1.0)
