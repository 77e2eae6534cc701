"""benchmarks/exact.py: its quick form meets its bars of agreement, and its reference is the Hessian that autograd finds."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "exact.py"


@pytest.fixture(scope="module")
def exact() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_exact", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_exact"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def task(exact: ModuleType) -> Any:
    random = np.random.default_rng(0)
    X, Xq = random.random((30, 4)), random.random((3, 4))
    return exact.Task(X, random.integers(0, 10, 30), Xq, random.integers(0, 10, 3), random.normal(size=(10, 4)), random.normal(size=10))


def by_autograd(task: Any, l2: float) -> np.ndarray:
    """(1/N) g_qᵀ H⁻¹ gᵢ with H and every gradient by automatic differentiation."""
    (X, y), (Xq, yq) = task.train(torch.float64), task.queries(torch.float64)
    theta = torch.cat([torch.from_numpy(task.weight).flatten(), torch.from_numpy(task.bias)])

    def loss(theta: torch.Tensor, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(x @ theta[:40].view(10, 4).T + theta[40:], target)

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    found = torch.autograd.functional.hessian(lambda theta: loss(theta, X, y), theta)
    assert isinstance(found, torch.Tensor)
    hessian = found + l2 * torch.eye(50, dtype=torch.float64)
    return (each(theta, Xq, yq) @ torch.linalg.solve(hessian, each(theta, X, y).T)).numpy() / len(X)


def test_the_reference_is_the_hessian_of_autograd(exact: ModuleType, task: Any) -> None:
    np.testing.assert_allclose(exact.reference(task).values, by_autograd(task, exact.L2), rtol=1e-9, atol=1e-12)


def test_difference_is_the_worst_query_relative_to_its_own_size(exact: ModuleType) -> None:
    truth = np.array([[3.0, 4.0], [30.0, 40.0]])
    assert exact.difference(truth + [[0.0, 1.0], [0.0, 1.0]], truth) == pytest.approx(0.2)
    assert exact.difference(None, truth) is None


def test_a_missed_bar_is_told_and_a_stopped_peer_leaves_it_open(exact: ModuleType) -> None:
    truth = np.ones((1, 2))
    ours = [exact.Result("wherefrom Exact", dtype, 20.0, 5.0, truth) for dtype in ("float64", "float32")]
    bars = exact.checks(
        [*ours, exact.Result(exact.PEER, "float64", 50.0, 0.0, truth * 1.1), exact.Result(exact.PEER, "float32", 75.0, 0.0, None)], truth, 1.0, False
    )
    met = {name: bar["met"] for name, bar in bars.items()}
    assert met["seconds of wherefrom Exact, float64"] is False
    assert met["relative residual of wherefrom CG, float64"] is False
    assert met[f"difference of {exact.PEER}, float64"] is False
    assert met[f"times faster than {exact.PEER}, float64"] is False
    assert met[f"times faster than {exact.PEER}, float32 (a lower bound)"] is None
    assert bars[f"times faster than {exact.PEER}, float32 (a lower bound)"]["found"] == pytest.approx(3.0)


def test_the_quick_form_agrees_with_its_reference(data_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "WHEREFROM_DATA": str(data_folder)}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "exact.json").read_text())
    assert (kept["images"], kept["queries"], kept["parameters"]) == (300, 5, 500)
    assert kept["cg"]["relative residual"] <= 2 * kept["cg"]["tolerance"]
    assert not [name for name, bar in kept["bars"].items() if bar["met"] is False]
    difference = {(row["engine"], row["dtype"]): row["difference"] for row in kept["results"]}
    assert difference["wherefrom Exact", "float64"] < 1e-12
    assert difference["wherefrom CG", "float64"] < 1e-6
    assert all(row["seconds"] > 0 and row["seconds"] == pytest.approx(row["fit"] + row["scoring"]) for row in kept["results"])
    assert "pyDVL" in done.stdout
    assert (tmp_path / "exact.png").read_bytes().startswith(b"\x89PNG")
