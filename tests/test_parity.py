"""Parity: every line of its tables runs, what is left out says why, named tests exist. The overview of methods: complete, and figures as measured."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

OWN = Path(__file__).parent.parent
PAGE = (OWN / "docs" / "parity.md").read_text(encoding="utf-8")
TABLES = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PEERS = {"Influenciae": 40, "captum": 15, "dattri": 35, "traker": 10, "torch-influence": 8, "pyDVL, influence": 15}  # the fewest rows of each


def rows(section: str) -> list[list[str]]:
    (body,) = (text for name, text in TABLES.findall(PAGE) if name == section)
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]


SECTIONS = [name for name, _ in TABLES.findall(PAGE)]
LINES = [(row[0], row[1]) for section in SECTIONS[:-1] for row in rows(section)]


@cache
def namespace() -> dict[str, Any]:
    """What the page sets up, once for all lines."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    space: dict[str, Any] = {"__name__": "parity"}
    exec(compile(code, "parity.md", "exec"), space)
    return space


@pytest.mark.parametrize(("capability", "line"), LINES, ids=[f"{number}" for number in range(len(LINES))])
def test_every_line_runs(capability: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"`([^`]+)`", line)
    if line.startswith("left out: "):
        assert len(line) > 30, f"{capability} is left out without a reason"
        return
    assert found and not re.sub(r"`[^`]+`(, )?", "", line), f"{capability}: {line} is neither code nor left out"
    for expression in found:
        assert eval(expression, dict(namespace())) is not None or expression.startswith("print") or ".record(" in expression, expression


def test_every_peer_is_there() -> None:
    assert [name for name in SECTIONS if name in PEERS] == list(PEERS)
    for name, fewest in PEERS.items():
        assert len(rows(name)) >= fewest and all(len(row) == 3 and row[2].startswith("[") for row in rows(name)), name


def test_regression_tests_exist() -> None:
    named = NAMED_TEST.findall(PAGE)
    assert len(named) == len(rows(SECTIONS[-1])) >= 50
    for file, test in named:
        assert re.search(rf"^def {test}\(", (OWN / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file} has no {test}"


def test_the_overview_links_every_method_and_quotes_figures_as_they_stand() -> None:
    folder = OWN / "docs" / "methods"
    overview = (folder / "index.md").read_text(encoding="utf-8")
    pages = {page.name: page.read_text(encoding="utf-8") for page in folder.glob("*.md") if page.name != "index.md"}
    assert [name for name in pages if f"]({name}" not in overview] == []
    told = "\n".join([*pages.values(), (OWN / "README.md").read_text(encoding="utf-8"), (OWN / "docs" / "decisions.md").read_text(encoding="utf-8")])
    for line in overview.splitlines():
        quoted = line.rpartition(" | ")[2]
        if command := re.search(r"`(benchmarks/\w+\.py)`", quoted):
            assert command[1] in told, line
            assert [figure for figure in re.findall(r"\d+\.\d+", quoted) if figure not in told] == [], line
