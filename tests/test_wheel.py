"""The wheels hold the packages and nothing else, and what they install works outside the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

OWN = Path(__file__).parent.parent
PACKAGES = {"wherefrom": (OWN, OWN / "src" / "wherefrom"), "wherefrom_studies": (OWN / "studies", OWN / "studies" / "wherefrom_studies")}
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for project, _ in PACKAGES.values():
        subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=project, check=True, capture_output=True)
    return {name: next(folder.glob(f"{name}-*.whl")) for name in PACKAGES}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_wheel_is_its_package(wheels: dict[str, Path], name: str) -> None:
    held = {file for file in ZipFile(wheels[name]).namelist() if ".dist-info/" not in file}
    source = PACKAGES[name][1]
    assert held == {
        f"{name}/{file.relative_to(source).as_posix()}" for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    }
    if name == "wherefrom":
        assert {f"wherefrom/{file}" for file in ("py.typed", "__init__.pyi", "metrics/__init__.pyi", "reporting/page.html.j2")} <= held


def test_what_a_wheel_installs_runs_the_first_example(wheels: dict[str, Path], tmp_path: Path) -> None:
    target, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, *map(str, wheels.values())], check=True, capture_output=True)
    example = EXAMPLE.search((OWN / "README.md").read_text(encoding="utf-8"))
    assert example is not None
    code = f"import wherefrom\nassert wherefrom.__file__.startswith({str(target)!r}), wherefrom.__file__\n{example[1]}"
    done = subprocess.run([sys.executable, "-c", code], cwd=empty, env={**os.environ, "PYTHONPATH": str(target)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in empty.iterdir()] == ["report.html"]
