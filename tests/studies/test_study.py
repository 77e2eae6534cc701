"""Settings of a study: refused where they make no sense; and studies stand on public names alone."""

import ast
from pathlib import Path

import pytest

import wherefrom as wf
from wherefrom_studies import STUDIES
from wherefrom_studies.fragility import Fragility
from wherefrom_studies.koh_liang import KohLiang

ROOM = Path(wf.__file__).parent / "studies"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"seeds": 0}, "asks for no run"),
        ({"data": Path("x.csv")}, "has data of its own"),
        ({"target": "y"}, "give both"),
        ({"device": "abacus"}, "--device abacus cannot be used"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match=sentence):
        Fragility(tmp_path, **settings)  # type: ignore[arg-type]


def test_data_that_are_not_there_or_cannot_be_asked_are_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="nothing at --data"):
        KohLiang(tmp_path, data=tmp_path / "none.csv", target="y")
    (tmp_path / "t.csv").write_text("a,y\n" + "u,1\nv,0\n" * 4)
    with pytest.raises(wf.UsageError, match="needs --target"):
        KohLiang(tmp_path, data=tmp_path / "t.csv")
    with pytest.raises(wf.UsageError, match="No categorical column"):
        KohLiang(tmp_path, data=tmp_path / "t.csv", target="y")


def test_seeds_are_those_asked_for_or_the_forms_own(tmp_path: Path) -> None:
    assert Fragility(tmp_path).count(20, 3) == tuple(range(20)) and Fragility(tmp_path, quick=True).count(20, 3) == (0, 1, 2)
    assert Fragility(tmp_path, quick=True, seeds=5).count(20, 3) == (0, 1, 2, 3, 4)


def test_times_say_what_is_measured() -> None:
    for study in STUDIES.values():
        assert study.times.quick < 120 and "seconds" in study.times.said(True)
        assert ("measured" if study.times.measured else "estimated") in study.times.said(False)


def test_studies_stand_on_public_names_and_their_own_room() -> None:
    allowed = ("wherefrom_studies", "wherefrom.progress", "wherefrom.errors")
    for path in ROOM.glob("*/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("wherefrom"):
                assert node.module.startswith(allowed), f"{path.name}: {node.module}"
