"""What stands under the name that the library had before its first release still opens, and its settings still count."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wherefrom as wf
from wherefrom.datasets.locate import locate
from wherefrom.former_name import FORMER_NAME, setting
from wherefrom.store import read_group

IDS = [f"row {place}" for place in range(12)]
EKFAC = wf.IHVP(wf.EKFAC(), wf.Eigen())


def spread(*shape: int, step: int) -> Tensor:
    """Numbers between -1 and 1 that need no generator."""
    return ((torch.arange(int(np.prod(shape))) * step) % 101 - 50).reshape(shape).double() / 50


def written_of() -> tuple[wf.Problem, tuple[Tensor, Tensor]]:
    """The problem and the queries that the stores of version 0.1.0 were written for."""
    model = torch.nn.Linear(3, 2).double().eval()
    model.load_state_dict({"weight": spread(2, 3, step=31), "bias": spread(2, step=17)})
    problem = wf.Problem.of(model, wf.cross_entropy(l2=0.5), (spread(12, 3, step=7), torch.arange(12) % 2), ids=IDS)
    return problem, (spread(2, 3, step=11), torch.tensor([0, 1]))


@pytest.fixture(scope="module")
def golden() -> Path:
    return Path(__file__).parent / "golden" / "store-0.1.0"


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "expected.json").read_text())


def test_scores_open(golden: Path, expected: dict[str, Any]) -> None:
    problem, queries = written_of()
    scores = wf.Scores.open(golden / "scores.zarr", fingerprint=problem.fingerprint())
    assert scores.values.tolist() == expected["scores"] and scores.train_ids.tolist() == IDS and scores.unit == "loss change"
    torch.testing.assert_close(wf.attribute(wf.InfluenceFunction(EKFAC), problem, queries, progress=False).values, scores.values)
    assert wf.TopScores.open(golden / "top.zarr", fingerprint=problem.fingerprint()).ids.tolist() == expected["top"]


def test_a_trust_opens(golden: Path, expected: dict[str, Any]) -> None:
    problem, queries = written_of()
    problem = problem.at(wf.train.newton()(problem, 0).parameters)
    sure = wf.uncertainty.Trust.open(golden / "trust.zarr")
    assert [sorted(ids.tolist()) for ids in sure.core()] == expected["core"] and sure.k == 3
    method = wf.InfluenceFunction(wf.IHVP(wf.Hessian(), wf.Exact()))
    assert sure.scores.method == repr(method)
    torch.testing.assert_close(wf.attribute(method, problem, queries, progress=False).values, sure.scores.values)


def test_a_fitted_ihvp_is_loaded(golden: Path, expected: dict[str, Any]) -> None:
    problem, queries = written_of()
    ihvp = wf.IHVP.load(golden / "ihvp.safetensors", problem)
    assert ihvp.settings == EKFAC and ihvp.notes == ()
    scores = wf.attribute(wf.InfluenceFunction(ihvp), problem, queries, progress=False)
    torch.testing.assert_close(scores.values, torch.tensor(expected["scores"], dtype=torch.float64))


def test_outcomes_are_used_and_not_trained_again(golden: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    problem, queries = written_of()
    path = Path(shutil.copy(golden / "outcomes.jsonl", tmp_path))
    outcomes = wf.leave_one_out(problem, IDS[:3], queries, wf.train.newton(), out=path, progress=False)
    assert outcomes.values.tolist() == expected["outcomes"]
    assert path.read_bytes() == (golden / "outcomes.jsonl").read_bytes()


def test_a_checkpoint_is_loaded(golden: Path) -> None:
    checkpoint = wf.checkpoints.Checkpoint.load(golden / "checkpoint.safetensors")
    assert (checkpoint.name, checkpoint.learning_rate) == ("last", 0.125)
    problem, _ = written_of()
    assert all(torch.equal(checkpoint.state[name], problem.state[name]) for name in ("weight", "bias"))


def test_a_store_of_the_former_name_is_replaced_and_is_still_of_its_kind(golden: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(golden / "scores.zarr", tmp_path / "scores.zarr"))
    with pytest.raises(wf.UsageError, match="holds scores, not trust"):
        read_group(path, "trust")
    scores = wf.Scores.open(path)
    scores.save(path)
    assert FORMER_NAME not in (path / "zarr.json").read_text() and torch.equal(wf.Scores.open(path).values, scores.values)


@pytest.mark.parametrize("name", ["DATA", "CACHE"])
def test_a_variable_of_the_former_name_is_read_with_a_notice(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former = f"{FORMER_NAME}_{name}".upper()
    monkeypatch.delenv(f"WHEREFROM_{name}", raising=False)
    monkeypatch.delenv(former, raising=False)
    assert setting(name) is None
    monkeypatch.setenv(former, str(tmp_path))
    with pytest.warns(FutureWarning, match=f"{former} is read as WHEREFROM_{name}, its new name; set WHEREFROM_{name}"):
        assert setting(name) == str(tmp_path)
    monkeypatch.setenv(f"WHEREFROM_{name}", "elsewhere")
    assert setting(name) == "elsewhere"


@pytest.mark.parametrize("name", ["DATA", "CACHE"])
def test_data_are_found_where_the_former_variable_points(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for which in ("DATA", "CACHE"):
        for word in (FORMER_NAME, "wherefrom"):
            monkeypatch.delenv(f"{word}_{which}".upper(), raising=False)
    (tmp_path / "table.csv").write_text("a")
    monkeypatch.setenv(f"{FORMER_NAME}_{name}".upper(), str(tmp_path))
    with pytest.warns(FutureWarning, match=f"set WHEREFROM_{name} instead"):
        assert locate("table.csv", "http://nowhere") == tmp_path / "table.csv"
