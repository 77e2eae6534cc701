"""benchmarks/architectures.py: its quick form agrees with autograd, every model can be built, a wrong gradient and a missed bar are told."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.scripts import loaded

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "architectures.py"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return loaded(SCRIPT, monkeypatch)


def test_the_quick_form_agrees_with_autograd(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    kept = json.loads((tmp_path / "architectures.json").read_text())
    assert [row["name"] for row in kept["results"]] == ["Llama", "DeBERTa-v3", "ResNet", "IA3 on Llama"]
    assert not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    for row in kept["results"]:
        assert row["by_rules"] == 1 and row["failures"] == [] and row["errors"]["float32"] < 1e-5 and row["errors"]["float64"] < 1e-10
        assert {"batches of 1", "batches of 5", "order", "company"} <= set(row["variations"])
    assert (tmp_path / "architectures.md").read_text().count("| 100 % |") == 4


def test_times_are_taken_of_scores_that_agree(bench: ModuleType) -> None:
    small = bench.Size(16, 2, 6, 8)
    (architecture,) = (one for one in bench.ARCHITECTURES if one.name == "BERT")
    speed = bench.measure(architecture, "small", small, 1, 1e9)
    assert min(speed.plain, speed.products, speed.wherefrom, speed.loop) > 0 and speed.over_loop == speed.loop / speed.wherefrom


def test_names_and_kinds_of_at_least_forty(bench: ModuleType) -> None:
    names = [one.name for one in bench.ARCHITECTURES]
    assert len(names) == len(set(names)) >= 40
    kinds = {one.kind for one in bench.ARCHITECTURES}
    assert kinds == {
        "decoder", "experts", "state space", "encoder", "encoder-decoder", "vision", "speech", "adapter", "recurrent", "diffusion"
    }  # fmt: skip
    assert set(bench.QUICK) <= set(names)


def test_labels_fit_the_outputs_of_each(bench: ModuleType) -> None:
    small = bench.Size(64, 2, 3, 32)
    for architecture in bench.ARCHITECTURES:
        if architecture.kind in ("encoder", "vision", "recurrent") and (not architecture.needs or find_spec(architecture.needs)):
            with torch.no_grad():
                values = bench.losses(architecture, architecture.model(small), architecture.examples(small))
            assert values.shape == (3,) and torch.isfinite(values).all(), architecture.name


def test_a_wrong_entry_is_told_beside_its_own_parameter(bench: ModuleType) -> None:
    true = {"large": torch.tensor([[100.0, 1.0]]), "small": torch.tensor([[1e-3, 0.0]]), "vanishing": torch.tensor([[1e-9, 0.0]])}
    found = {name: value.clone() for name, value in true.items()}
    found["small"][0, 1] = 1e-4
    found["vanishing"][0, 1] = 1e-9
    errors = bench.differences(found, true, "float32")
    assert errors["large"] == 0 and errors["small"] == pytest.approx(0.1) and errors["vanishing"] == pytest.approx(1e-11)


def test_padding_moves_the_tokens_of_each(bench: ModuleType) -> None:
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    data = {"input_ids": torch.tensor([[3, 4, 5], [6, 0, 0]]), "attention_mask": mask, "labels": torch.tensor([7, 8])}
    right, left = bench.padded(data, "right", 2), bench.padded(data, "left", 2)
    assert right["input_ids"].tolist() == [[3, 4, 5, 0, 0], [6, 0, 0, 0, 0]] and right["labels"] is data["labels"]
    assert left["input_ids"].tolist() == [[0, 0, 3, 4, 5], [0, 0, 0, 0, 6]] and left["attention_mask"].tolist() == [[0, 0, 1, 1, 1], [0, 0, 0, 0, 1]]


def test_bars_and_the_table_of_a_page(bench: ModuleType, tmp_path: Path) -> None:
    good = bench.Result("good", "decoder", ("float32", "float64"), 5, {"float32": 1e-6, "float64": 1e-7}, by_rules=1.0, rounding={"float64": 1e-7})
    good.variations, good.speeds = {"order": 1e-9}, [bench.Speed("tiny", 1.0, 0.5, 3.0, 6.0, None)]
    bad = bench.Result("bad", "vision", ("float32",), failures=["RuntimeError: no"])
    bars = bench.checks([good, bad], False)
    met = {name: bar["met"] for name, bar in bars.items()}
    assert met == {
        "largest difference from autograd, float32": False,
        "largest difference from autograd, float64": True,  # no more than autograd differs from itself
        "largest difference by batch size, order, company and padding": True,
        "architectures with all parameters by rules": False,
        "seconds over a plain pass and products": False,
        "seconds over a loop": True,
    }
    page = tmp_path / "page.md"
    page.write_text(f"before\n{bench.BEGIN}\nold\n{bench.END}\nafter\n")
    bench.put_into(page, bench.markdown([good, bad]))
    text = page.read_text()
    assert text.startswith(f"before\n{bench.BEGIN}\n") and text.endswith(f"{bench.END}\nafter\n") and "old" not in text
    assert "| good | decoder | 5 | 1e-06 | 1e-07 (autograd itself 1e-07) | 100 % | 1e-09 | 2.00 | 2.0 | cannot |" in text
    assert "| bad | vision | 0 | failed | cannot | 0.0 % | failed | failed | failed | failed |" in text
