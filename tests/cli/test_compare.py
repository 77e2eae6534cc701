"""`wherefrom compare` from outside: what it writes, its row of chance, and how it fails."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wherefrom.cli import main

OWN = """
import torch, wherefrom as wf
def made():
    X, y = torch.randn(40, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
    model = torch.nn.Linear(4, 3).eval()
    return wf.Problem.of(model, wf.cross_entropy(l2=0.1), (X, y)), (X[:6] + 0.1, y[:6])
def trained():
    return (*made(), wf.train.adam(3, 0.05, batch_size=10))
def one():
    problem, queries = made()
    return problem, (queries[0][:1], queries[1][:1])
"""


def wherefrom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.argv", ["wherefrom", "compare", *map(str, arguments)])
    monkeypatch.setattr("sys.path", __import__("sys").path[:])
    code: Any = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    found = capsys.readouterr()
    return int(code or 0), found.out, found.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 80).round(1), "sex": rng.choice(["f", "m"], 80)})
    frame["bought"] = np.where(frame["age"] + 10 * (frame["sex"] == "f") + rng.normal(0, 8, 80) > 45, "yes", "no")
    frame["spent"] = frame["age"] * 2 + rng.normal(0, 5, 80)
    frame.to_csv(place / "shop.csv", index=False)
    (place / "own.py").write_text(OWN)
    return place


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherefrom.cli.comparison_setup.STEPS", 40)


QUICK = ("--methods", "influence,tracin", "--runs", 3, "--k", 5, "--queries", 6, "--lds", 6)


def test_a_table_with_removal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    given = (folder / "shop.csv", "--target", "bought", *QUICK, "--loo", 3, "--removal", "--out", tmp_path)
    code, said, error = wherefrom(monkeypatch, capsys, *given)
    assert code == 0, error
    for words in ("Power", "Side by side", "Kuncheva", "τ-b", "LDS", "leave-one-out", "Holm", "of the same classes", "seconds"):
        assert words in said
    assert said.index("Power") < said.index("Side by side") and said.rstrip().endswith("report.html")
    found = json.loads((tmp_path / "results.json").read_text())
    names = {"influence", "tracin", "random"}
    assert set(found["stability"]) == set(found["lds"]) == set(found["leave_one_out"]) == set(found["seconds_of_scores"]) == names
    n, k, q, runs = found["train"], 5, 6, 3
    assert (n, len(found["queries"])) == (48, 6)
    error_of_list = (k * k / n * (1 - k / n) * (n - k) / (n - 1)) ** 0.5 / k / (1 - k / n) / (q * runs) ** 0.5
    for pair in found["agreement"]:
        assert pair["Kuncheva"]["ceiling"] is not None and pair["Kuncheva"]["chance"] == 0
        if "random" in pair["methods"]:
            assert abs(pair["Kuncheva"]["value"]) < 3 * error_of_list
    assert abs(found["stability"]["random"]["Nogueira"]["value"]) < 3 * error_of_list
    removal = found["removal"]
    assert removal["sizes"] == [2, 5, 10] and removal["power"]["cells"] == 2 * 3 * 2
    assert {(one["ranking"], one["control"]) for one in removal["differences"]} == {
        (name, control) for name in names - {"random"} for control in ("random", f"random, classes as in {name}")
    }
    assert all(isinstance(value, float) and 0 <= value <= 1 for one in removal["differences"] for value in one["holm"])
    assert not _nan(found)
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Removal</h2>" in page and page.count("data:image/svg+xml") == 4 and "http" not in page.replace("http://www.w3.org", "")
    before = {name: (tmp_path / name).read_bytes() for name in ("removal.jsonl", "subsets.jsonl", "retrained.jsonl")}
    code, _, error = wherefrom(monkeypatch, capsys, *given)
    again = json.loads((tmp_path / "results.json").read_text())
    assert code == 0 and {name: (tmp_path / name).read_bytes() for name in before} == before  # nothing is trained without twice
    for part in ("stability", "agreement", "lds", "removal"):
        assert again[part] == found[part]


def _nan(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_nan, value.values()))
    return any(map(_nan, value)) if isinstance(value, list) else isinstance(value, float) and not math.isfinite(value)


@pytest.mark.parametrize(
    "given",
    [
        ("shop.csv", "--target", "spent", "--removal", "--methods", "representer,loss"),
        ("iris", "--model", "mlp", "--about", "model", "--methods", "influence,trak"),
        ("--problem", "own.py:trained", "--methods", "influence,relatif", "--removal"), ("--problem", "own.py:made", "--methods", "ekfac,leverage"),
    ],
)  # fmt: skip
def test_other_problems(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, given: Any) -> None:
    monkeypatch.chdir(folder)
    code, said, error = wherefrom(monkeypatch, capsys, "--runs", 2, "--k", 3, "--queries", 3, "--lds", 0, *given, "--out", tmp_path)
    assert code == 0, error
    found = json.loads((tmp_path / "results.json").read_text())
    assert ("removal" in found) == ("--removal" in given) and found["estimand"] == ("this model" if "model" in given else "models trained like it")
    assert ("seed changes nothing" in said) == ("own.py:made" in given)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("shp.csv", "--target", "bought"), "no file"), (("brest_cancer",), "Did you mean 'breast_cancer'?"), (("shop.csv",), "Give the column"),
        (("iris", "--target", "species"), "has its own target"), (("--methods", "influense"), "Did you mean 'influence'?"),
        (("--methods", "random"), "at least one besides random"), (("--runs", 1), "shows no noise"), (("--k", 341), "says nothing"),
        (("iris", "--problem", "own.py:made"), "brings its own data"), (("--problem", "own.py:one"), "give 2 or more"),
        (("--problem", "own.py:trained", "--methods", "tracin"), "tracin needs checkpoints"), (("--out", "shop.csv"), "is a file"),
        (("iris", "--removal", "--k", 0), "says nothing"), (("--lds", 1), "--lds 1 gives no rank correlation; give 3 or more"),
        (("--loo", 2, "--lds", 0), "--loo 2 gives no rank correlation"), (("--seed", -1), "value for '--seed'"), (("--queries", 0), "'--queries'"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, given: Any, sentence: str
) -> None:
    monkeypatch.chdir(folder)
    out = () if "--out" in given else ("--out", tmp_path / "out")
    code, _, error = wherefrom(monkeypatch, capsys, *given, *out)
    assert code == 2 and sentence in error and "Traceback" not in error and len(error.strip().splitlines()) == 1, error
