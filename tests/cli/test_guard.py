"""A person's own trainer and queries that fail: one sentence, and what needs no training is kept."""

from pathlib import Path

import pytest
import torch

import wherefrom as wf
from wherefrom.cli import main
from wherefrom.cli.guard import OwnTrainer, TrainerError, own_trainer

OWN = """
import torch, wherefrom as wf
def base():
    X, y = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
    return wf.Problem.of(torch.nn.Linear(4, 3).eval(), wf.cross_entropy(l2=0.1), (X, y)), (X[:6], y[:6])
def lost(problem, seed): return {name: value * float("nan") for name, value in problem.parameters.items()}
def stopped(problem, seed): raise RuntimeError("no\\ngpu")
def nan(): return (*base(), lost)
def fails(): return (*base(), stopped)
def nothing(): return (*base(), lambda problem, seed: None)
def other(): return (*base(), lambda problem, seed: {"x": torch.zeros(3)})
def smaller(): return (*base(), lambda problem, seed: {name: value[:1] for name, value in problem.parameters.items()})
def single(): return (*base(), lambda problem: problem.parameters)
def narrow():
    problem, (X, y) = base()
    return problem, (X[:, :2], y)
def beyond():
    problem, (X, y) = base()
    return problem, (X, y + 7)
def none():
    problem, (X, y) = base()
    return problem, (X[:0], y[:0])
def text(): return base()[0], "hello"
def leaves(): raise SystemExit(3)
"""

TRAINERS = {
    "nan": "The trainer returned 'weight' with values that are not finite; lower its learning rate",
    "fails": "The trainer of own.py:fails failed at line 7 (RuntimeError: no gpu)",
    "nothing": "The trainer returned a NoneType; return a Run or a mapping",
    "other": "The model has no parameter 'x'",
    "smaller": "Parameter 'weight' has shape (3, 4), not (1, 4)",
    "single": "takes 1 positional argument but 2 were given",
}
QUERIES = {
    "narrow": "The model or loss of own.py:narrow failed on its queries (RuntimeError: mat1 and mat2",
    "beyond": "failed on its queries (IndexError: Target 7 is out of bounds",
    "none": "The queries of own.py:none cannot be used: There are no examples",
    "text": "The queries of own.py:text cannot be used: A batch of type list",
    "leaves": "own.py:leaves failed at line 24 (SystemExit: 3)",
}


def failed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, *arguments: object) -> str:
    """The one sentence of a command that fails."""
    (folder / "own.py").write_text(OWN)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["wherefrom", *map(str, arguments), "--out", "out"])
    monkeypatch.setattr("sys.path", __import__("sys").path[:])
    with pytest.raises(SystemExit) as stop:
        main()
    error = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and len(error.splitlines()) == 1 and "Traceback" not in error, error
    return error


@pytest.mark.parametrize("name", TRAINERS)
@pytest.mark.parametrize("how", [("--trust", "none"), ("--trust", "full", "--no-prove")], ids=["proof", "trust"])
def test_explain_keeps_what_needs_no_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, how: tuple[str, ...]
) -> None:
    error = failed(monkeypatch, capsys, tmp_path, "explain", "--problem", f"own.py:{name}", *how)
    assert TRAINERS[name] in error and error.endswith("what needs no training is in out.")
    assert wf.Scores.open(tmp_path / "out" / "scores.zarr").values.shape == (6, 30) and (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize("name", TRAINERS)
def test_compare_needs_the_trainer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    error = failed(monkeypatch, capsys, tmp_path, "compare", "--problem", f"own.py:{name}", "--methods", "influence", "--runs", 2, "--k", 3)
    assert TRAINERS[name] in error and not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("command", ["explain", "compare"])
@pytest.mark.parametrize("name", QUERIES)
def test_queries_that_do_not_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, command: str
) -> None:
    error = failed(monkeypatch, capsys, tmp_path, command, "--problem", f"own.py:{name}")
    assert QUERIES[name] in error and not any(path for path in tmp_path.glob("out/*"))


def test_a_guarded_trainer_keeps_its_name_and_wherefroms_own_are_left_alone() -> None:
    def train(problem: wf.Problem, seed: int) -> dict[str, object]:
        return {}

    guarded = own_trainer(train, "own.py:made")
    assert isinstance(guarded, OwnTrainer) and guarded.__qualname__ == train.__qualname__ and guarded.seeded  # type: ignore[attr-defined]
    with pytest.raises(TrainerError, match="own.py:made"):
        guarded(wf.Problem.of(torch.nn.Linear(1, 1).eval(), wf.squared_error(), (torch.zeros(2, 1), torch.zeros(2))), 0)
    newton = wf.train.newton()
    assert own_trainer(newton, "own.py:made") is newton and own_trainer(None, "own.py:made") is None
