"""The command line from outside: what it writes, and how it fails."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import wherefrom as wf
from wherefrom.cli import explain, main
from wherefrom.cli.method_names import OF_ONE_MODEL

GOOD = """
import torch, wherefrom as wf
def made():
    X, y = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
    model = torch.nn.Linear(4, 3).eval()
    return wf.Problem.of(model, wf.cross_entropy(l2=0.1), (X, y)), (X[:2], y[:2])
def trained():
    problem, queries = made()
    return problem, queries, wf.train.newton()
def nothing(): return 3
def pair(): return 1, 2
def odd(): return (*made(), 5)
def breaks(): raise KeyError("gone")
def training():
    problem, queries = made()
    problem.model.train()
    return problem, queries
def nan():
    X, y = torch.randn(6, 4), torch.arange(6) % 3
    X[4, 1] = float("nan")
    return wf.Problem.of(torch.nn.Linear(4, 3).eval(), wf.cross_entropy(), (X, y)), (X[:1], y[:1])
def reduced():
    problem, queries = made()
    return wf.Problem.of(problem.model, wf.Objective(lambda o, t: torch.nn.functional.cross_entropy(o, t)), queries), queries
def shapes():
    problem, queries = made()
    return wf.Problem.of(problem.model, wf.cross_entropy(), [(torch.randn(4, 4), torch.arange(3))]), queries
"""


Wherefrom = Callable[..., subprocess.CompletedProcess[str]]


def process(*arguments: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "wherefrom", *map(str, arguments)]
    settings = {**os.environ, "COLUMNS": "140", **environment}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=settings, timeout=300)


@pytest.fixture
def wherefrom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Wherefrom:
    """The command in this process, which spares its imports."""

    def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "140")
        monkeypatch.setattr(sys, "argv", ["wherefrom", *map(str, arguments)])
        monkeypatch.setattr(sys, "path", sys.path[:])
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        found = capsys.readouterr()
        return subprocess.CompletedProcess([], int(code or 0), found.out, found.err)  # type: ignore[call-overload]

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 60).round(1), "sex": rng.choice(["f", "m"], 60), "name": [f"person {i}" for i in range(60)]})
    frame["bought"] = np.where(frame["age"] + 10 * (frame["sex"] == "f") + rng.normal(0, 8, 60) > 45, "yes", "no")
    frame["spent"] = frame["age"] * 2 + rng.normal(0, 5, 60)
    frame.to_csv(place / "shop.csv", index=False)
    for target in ("bought", "spent"):
        frame.drop(columns=target).head(2).to_csv(place / f"without {target}.csv", index=False)
    frame.assign(bought="yes").to_csv(place / "one.csv", index=False)
    frame.head(0).to_csv(place / "empty.csv", index=False)
    frame[["name", "bought"]].to_csv(place / "useless.csv", index=False)
    frame.assign(age=frame["age"].where(frame.index != 2, np.inf)).to_csv(place / "infinite.csv", index=False)
    frame.assign(bought=np.nan).to_csv(place / "untold.csv", index=False)
    frame[["age"]].to_csv(place / "new.csv", index=False)
    (place / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (place / "shop.xlsx").write_bytes(b"PK")
    for path in ("foreign/scores.zarr", "occupied/report.html"):
        (place / path).mkdir(parents=True)
    (place / "own.py").write_text(GOOD)
    return place


def test_python_m_wherefrom_is_the_same_command(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "wherefrom", "explain", "absent.csv", "--target", "y"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("Error: ") and "Traceback" not in done.stderr


def record(out: Path) -> dict[str, Any]:
    return json.loads((out / "run.json").read_text())


def test_titanic_with_no_other_flag(data_folder: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    done = process("explain", data_folder / "titanic.csv", "--target", "Survived", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 60
    for column in ("PassengerId", "Name", "Ticket", "Cabin"):
        assert f"{column} is left out" in done.stdout
    found = record(tmp_path / "wherefrom-titanic")
    assert found["held_out"]["accuracy"] >= 0.78 and found["held_out"]["n"] == 178
    assert all(figures["pearson"]["value"] >= 0.99 for figures in found["proof"]["queries"].values())
    assert found["proof"]["pearson"]["value"] >= 0.99 and found["proof"]["pearson"]["low"] <= found["proof"]["pearson"]["high"]
    assert sorted(path.name for path in (tmp_path / "wherefrom-titanic").iterdir()) == ["report.html", "run.json", "scores.zarr", "top.csv"]
    top = pd.read_csv(tmp_path / "wherefrom-titanic" / "top.csv")
    assert list(top)[:4] == ["query_id", "train_id", "rank", "score"] and len(top) == 50
    scores = wf.Scores.open(tmp_path / "wherefrom-titanic" / "scores.zarr")
    assert scores.fingerprint == found["data"]["fingerprint"]
    first = top.iloc[0]
    assert scores.select([first.train_id])[scores.query_ids.tolist().index(first.query_id), 0].item() == pytest.approx(first.score)
    assert "agrees in" in done.stdout and "retrained" in done.stdout and done.stdout.rstrip().endswith("report.html")


def test_titanic_network_has_a_verdict_for_each_query(data_folder: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    done = process("explain", data_folder / "titanic.csv", "--target", "Survived", "--model", "mlp", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 120
    told = done.stdout[done.stdout.index("Trust: Of models trained like this one") :]
    found = record(tmp_path / "wherefrom-titanic")["trust"]
    assert len(found["queries"]) == 5 and "the trainer's seed" in found["not_varied"] and found["k"] == 5
    assert not any("Gauss-Newton" in note for note in record(tmp_path / "wherefrom-titanic")["notes"])  # error bars are of the scores shown
    for query, said in found["queries"].items():
        assert f"query {query}: {said['verdict']}, " in told and len(said["core"]) <= 5 <= said["possible"]


def test_demo(tmp_path: Path) -> None:
    start = time.monotonic()
    done = process("demo", folder=tmp_path, http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - start < 60 and done.stdout.rstrip().endswith("wherefrom-demo/report.html")
    assert record(tmp_path / "wherefrom-demo")["held_out"]["accuracy"] > 0.9


@pytest.mark.parametrize("data", ["breast_cancer", "wine", "iris", "diabetes"])
def test_other_bundled_data(wherefrom: Wherefrom, tmp_path: Path, data: str) -> None:
    done = wherefrom("demo", "--data", data, "--method", "leverage", "--out", "o", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path / "o")
    assert found["proof"]["pearson"]["value"] > 0.99 and (found["held_out"].get("accuracy", 0) > 0.9 or found["held_out"]["r2"] > 0.3)


@pytest.mark.parametrize("method", [name for name in OF_ONE_MODEL if name != "influence"])
def test_every_method(wherefrom: Wherefrom, folder: Path, tmp_path: Path, method: str) -> None:
    done = wherefrom("explain", folder / "shop.csv", "--target", "bought", "--method", method, "--top", 2, "--out", tmp_path, folder=folder)
    assert done.returncode == 0, done.stderr
    slope = record(tmp_path)["proof"]["slope"]
    if method in ("leverage", "ekfac", "datainf"):  # approximations and damping take scale away
        high = {"leverage": 1.05, "ekfac": 1.5}.get(method, float("inf"))
        assert (0.95 if method == "leverage" else 0) < slope["value"] < high
    else:
        assert slope["status"] == "undefined"


def test_a_network_is_proved_too(wherefrom: Wherefrom, folder: Path, tmp_path: Path) -> None:
    done = wherefrom("explain", folder / "shop.csv", "--target", "bought", "--model", "mlp", "--out", tmp_path, folder=folder)
    assert done.returncode == 0, done.stderr
    assert record(tmp_path)["proof"]["spearman"]["value"] > 0.9


def test_regression_asks_about_the_largest_errors(wherefrom: Wherefrom, folder: Path, tmp_path: Path) -> None:
    done = wherefrom("explain", folder / "shop.csv", "--target", "spent", "--out", tmp_path, folder=folder)
    assert done.returncode == 0, done.stderr
    assert record(tmp_path)["held_out"]["r2"] > 0.5 and "largest errors" in done.stdout


@pytest.mark.parametrize("target", ["bought", "spent"])
def test_new_rows_without_a_target(wherefrom: Wherefrom, folder: Path, tmp_path: Path, target: str) -> None:
    done = wherefrom(
        "explain", folder / "shop.csv", "--target", target, "--query", folder / f"without {target}.csv", "--out", tmp_path, folder=folder
    )
    assert done.returncode == 0, done.stderr
    assert record(tmp_path)["data"]["queries"] == ["new 0", "new 1"] and "have no target" in done.stdout
    assert record(tmp_path)["proof"]["pearson"]["value"] > 0.99


def test_named_rows_and_ids(wherefrom: Wherefrom, folder: Path, tmp_path: Path) -> None:
    done = wherefrom(
        "explain",
        folder / "shop.csv",
        "--target",
        "bought",
        "--id",
        "name",
        "--query",
        "person 3,person 7",
        "--query",
        "person 9",
        "--out",
        tmp_path,
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    assert record(tmp_path)["data"]["queries"] == ["person 3", "person 7", "person 9"]


def test_the_same_seed_gives_the_same_files(wherefrom: Wherefrom, folder: Path, tmp_path: Path) -> None:
    for out in ("a", "b", "c"):
        done = wherefrom(
            "explain", folder / "shop.csv", "--target", "bought", "--model", "mlp", "--seed", 5 + (out == "c"), "--out", tmp_path / out, folder=folder
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a" / "top.csv").read_bytes() == (tmp_path / "b" / "top.csv").read_bytes() != (tmp_path / "c" / "top.csv").read_bytes()
    assert record(tmp_path / "a")["proof"]["pearson"] == record(tmp_path / "b")["proof"]["pearson"]


@pytest.mark.parametrize("function", ["made", "trained"])
def test_ones_own_model(wherefrom: Wherefrom, folder: Path, tmp_path: Path, function: str) -> None:
    done = wherefrom("explain", "--problem", f"{folder / 'own.py'}:{function}", "--out", tmp_path, folder=folder)
    assert done.returncode == 0, done.stderr
    assert record(tmp_path)["proof"]["pearson"]["n"] > 10 and (tmp_path / "report.html").exists()


@pytest.mark.parametrize("budget", ["none", "full"])
def test_error_bars_at_other_budgets(wherefrom: Wherefrom, folder: Path, tmp_path: Path, budget: str) -> None:
    done = wherefrom("explain", folder / "shop.csv", "--target", "bought", "--trust", budget, "--top", 2, "--out", tmp_path, folder=folder)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path)["trust"]
    if budget == "none":
        assert found == {"reason": "--trust none was given."} and "No error bars" in done.stdout
    else:
        assert len(found["calibration"]["factors"]) == len(found["queries"]) and "full retrainings" in " ".join(done.stdout.split())
        assert "the trainer's seed" not in found["varied"]  # Newton's method has no use for one


def test_full_error_bars_need_a_trainer(wherefrom: Wherefrom, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text(
        "import torch, wherefrom as wf\ndef made():\n    X, y = torch.randn(20, 900), torch.arange(20) % 3\n"
        "    return wf.Problem.of(torch.nn.Linear(900, 3).eval(), wf.cross_entropy(l2=0.1), (X, y)), (X[:1], y[:1])\n"
    )
    done = wherefrom("explain", "--problem", "large.py:made", "--method", "gradient-dot", "--trust", "full", "--out", tmp_path / "o", folder=tmp_path)
    assert done.returncode == 0 and "give train=" in record(tmp_path / "o")["trust"]["reason"]


def test_no_proof_when_told_so(wherefrom: Wherefrom, folder: Path, tmp_path: Path) -> None:
    done = wherefrom("explain", "--problem", "own.py:made", "--no-prove", "--out", tmp_path, folder=folder)
    assert done.returncode == 0 and "Not proved" in done.stdout and "reason" in record(tmp_path)["proof"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["shp.csv", "--target", "bought"], "There is no file shp.csv. Did you mean 'shop.csv'?"),
        (["shop.csv", "--target", "bougth"], "Did you mean 'bought'?"),
        (["one.csv", "--target", "bought"], "Every row has the same bought"),
        (["useless.csv", "--target", "bought"], "No column can be used"),
        (["empty.csv", "--target", "bought"], "holds no rows"),
        (["shop.csv", "--target", "bought", "--query", "999"], "--query '999' is not there"),
        (["shop.csv", "--target", "bought", "--query", "old.csv"], "--query old.csv is not there"),
        (["shop.csv", "--target", "bought", "--l2", "0"], "leaves the minimum undetermined"),
        (["shop.csv", "--target", "bought", "--task", "regression"], "cannot be regressed"),
        (["shop.csv"], "Give a table and its target"),
        (["shop.csv", "--target", "name", "--task", "classification"], "choose a target whose classes repeat"),
        (["shop.xlsx", "--target", "bought"], "is a spreadsheet; save it as CSV"),
        (["binary.csv", "--target", "bought"], "is neither text nor Parquet"),
        (["empty.csv"], "Give a table and its target"),
        (["infinite.csv", "--target", "bought"], "Row 2 holds an infinite age"),
        (["untold.csv", "--target", "bought"], "No row has a bought"),
        (["shop.csv", "--target", "bought", "--id", "bought"], "stands in more than one row"),
        (["shop.csv", "--target", "bought", "--query", ","], "--query '' is not there"),
        (["shop.csv", "--target", "bought", "--query", "new.csv"], "lacks the columns"),
        (["shop.csv", "--target", "bought", "--top", "0"], "Invalid value for '--top'"),  # the rest is said by typer, in other words by each version
        (["shop.csv", "--target", "bought", "--seed", "-1"], "Invalid value for '--seed'"),
        (["shop.csv", "--target", "bought", "--seed", str(10**30)], "Invalid value for '--seed'"),
        (["shop.csv", "--target", "bought", "--l2", "nan"], "leaves the minimum undetermined"),
        (["shop.csv", "--target", "bought", "--l2", "inf"], "leaves the minimum undetermined"),
        (["shop.csv", "--target", "bought", "--trust", "maybe"], "is not one of 'none', 'fast', 'full'"),
        (["shop.csv", "--target", "bought", "--trust", "full", "--query", "nan"], "--query 'nan' is not there"),
        (["shop.csv", "--target", "bought", "--out", "shop.csv/in"], "cannot be made"),
        (["shop.csv", "--target", "bought", "--out", "foreign"], "scores.zarr exists and is no scores store of wherefrom"),
        (["shop.csv", "--target", "bought", "--out", "occupied"], "report.html is a folder, where a file has to be written"),
        (["shop.csv", "--target", "bought", "--out", "n" * 300], "cannot be made (File name too long)"),
        (["shop.csv", "--target", "bought", "more.csv"], "unexpected extra argument"),
        (["shop.csv", "--target", "bought", "--problem", "own.py:made"], "brings its own data"),
        (["shop.csv", "--target", "bought", "--method", "influense"], "There is no method 'influense'. Did you mean 'influence'?"),
        (["shop.csv", "--target", "bought", "--method", "tracin"], "tracin needs checkpoints, which a single model does not have"),
        (["shop.csv", "--target", "bought", "--model", "forest"], "'forest' is not one of"),
        (["shop.csv", "--target", "bought", "--out", "shop.csv"], "is a file; give a folder"),
        (["--problem", "own.py"], "is not path.py:function"),
        (["--problem", "owm.py:made"], "Did you mean 'own.py'?"),
        (["--problem", "own.py:mode"], "has no function 'mode'. Did you mean 'made'?"),
        (["--problem", "own.py:nothing"], "returned a int; return (Problem, queries)"),
        (["--problem", "own.py:pair"], "returned a tuple of int, int"),
        (["--problem", "own.py:odd"], "is a int; return a function"),
        (["--problem", "own.py:breaks"], "failed at line 13 (KeyError: 'gone')"),
        (["--problem", "own.py:training"], "call model.eval() first"),
        (["--problem", "own.py:nan"], "Row 4, column 1 holds nan"),
        (["--problem", "own.py:reduced"], 'unreduced (reduction="none")'),
        (["--problem", "own.py:shapes"], "A batch has tensors of 3 and 4 rows"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    wherefrom: Wherefrom, folder: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "out")]
    done = wherefrom("explain", *arguments, *out, folder=folder)
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr + done.stdout, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_full_disk_is_one_sentence(wherefrom: Wherefrom, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "run.json")

    monkeypatch.setattr(explain, "write_run", full)
    done = wherefrom("explain", "shop.csv", "--target", "bought", "--out", tmp_path, folder=folder)
    assert done.returncode == 2 and "Could not write run.json (No space left on device)" in done.stderr


def test_interruption_is_one_sentence(wherefrom: Wherefrom, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "compute_explanation", stop)
    done = wherefrom("explain", "shop.csv", "--target", "bought", "--out", tmp_path, folder=folder)
    assert done.returncode == 130 and "Interrupted" in done.stderr and not any(tmp_path.iterdir())


def test_help_names_the_options(wherefrom: Wherefrom, tmp_path: Path) -> None:
    shown = wherefrom("explain", "--help", folder=tmp_path).stdout
    assert all(
        option in shown
        for option in (
            "--target",
            "--query",
            "--problem",
            "--model",
            "--method",
            "--top",
            "--no-prove",
            "--trust",
            "--seed",
            "--out",
            "--id",
            "--task",
        )
    )


def test_without_a_command_the_help_is_shown(wherefrom: Wherefrom, tmp_path: Path) -> None:
    for arguments in ((), ("--help",)):
        done = wherefrom(*arguments, folder=tmp_path)
        assert done.returncode == 0 and done.stdout.startswith("Usage: ") and not done.stderr
    assert wherefrom("--version", folder=tmp_path).stdout == f"wherefrom {wf.__version__}\n"
