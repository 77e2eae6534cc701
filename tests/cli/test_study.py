"""`wherefrom study` from outside: the list, a quick form that resumes, and how it fails."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wherefrom.cli import main
from wherefrom_studies.fragility import Fragility


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """The command in this process, which spares its imports: its exit code, and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["wherefrom", "study", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        found = capsys.readouterr()
        return int(code or 0), found.out, found.err  # type: ignore[call-overload]

    return run


Study = Callable[..., tuple[int, str, str]]


def test_without_a_name_they_are_listed_with_their_times(study: Study, tmp_path: Path) -> None:
    code, printed, error = study()
    assert code == 0, error
    for part in ("fragility", "koh-liang", "minutes on one core", "seconds", "--data takes"):
        assert part in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fragilty"], "Did you mean 'fragility'?"),
        (["fragility", "--out", "file"], "is a file"),
        (["fragility", "--seeds", "0"], "--seeds 0 asks for no run"),
        (["koh-liang", "--quick", "--device", "tpu"], "--device tpu cannot be used here"),
        (["titanic", "--data", "file"], "--data needs --target"),
        (["titanic", "--target", "y"], "--target names a column of --data; give both"),
        (["fragility", "--data", "x"], "has data of its own"),
        (["koh-liang", "--data", "x", "--target", "y"], "nothing at --data"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments: list[str], sentence: str, study: Study, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, error = study(*arguments)
    assert code == 2 and sentence in error and error.count("\n") == 1, error


@pytest.mark.usefixtures("data_folder")
def test_the_quick_form_of_fragility_shows_the_fall_and_resumes(study: Study, tmp_path: Path) -> None:
    code, printed, error = study("fragility", "--quick", "--out", "f")
    assert code == 0, error
    assert "Quick form, about" in printed and "Findings" in printed
    kept = json.loads((tmp_path / "f" / "results.json").read_text())
    value = {name: number["value"] for name, number in kept["numbers"].items()}

    def of(depth: int, decay: str, form: str = "all layers") -> float:
        return value[f"iris/tanh/depth {depth}/width 5/decay {decay}/{form}"]

    assert of(1, "0.005") >= 0.95 and 0.80 <= of(4, "0.005") < of(1, "0.005")
    assert of(1, "0") < of(1, "0.005") and of(4, "0") < of(4, "0.005")
    assert of(1, "0.005", "last layer") < of(1, "0.005") and of(4, "0.005", "last layer") < of(4, "0.005") - 0.2
    for name, number in kept["numbers"].items():
        assert number["seeds"] == ([0, 1, 2] if name.startswith("iris/") else [0, 1]), name
    parts = sorted((tmp_path / "f" / "kept").iterdir())
    parts[0].unlink()
    known = {part: part.stat().st_mtime_ns for part in parts[1:]}
    assert study("fragility", "--quick", "--out", "f")[0] == 0
    assert sorted((tmp_path / "f" / "kept").iterdir()) == parts and known == {part: part.stat().st_mtime_ns for part in parts[1:]}
    assert json.loads((tmp_path / "f" / "results.json").read_text())["numbers"] == kept["numbers"]
    assert set(kept["numbers"]) == Fragility(tmp_path, quick=True).number_names()


def test_where_the_studies_are_not_installed_it_says_how_to_install_them(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "wherefrom_studies"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "wherefrom_studies", None)  # type: ignore[arg-type]
    for arguments in ((), ("fragility", "--quick")):
        code, printed, error = study(*arguments)
        assert code == 2 and not printed and error.count("\n") == 1
        assert "pip install 'wherefrom[studies]'" in error and "pip install ./studies" in error


def test_the_command_line_does_not_import_the_studies() -> None:
    code = "import sys, wherefrom.cli; assert 'wherefrom_studies' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
