"""The documentation builds, and every example in it runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from wherefrom.cli.app import app

OWN = Path(__file__).parent.parent
PAGES = [OWN / "README.md", OWN / "CONTRIBUTING.md", *sorted((OWN / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [code for found, code in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def named(page: Path) -> str:
    return page.relative_to(OWN).as_posix()


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=OWN, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stdout + done.stderr
    page = (tmp_path / "site" / "api" / "core" / "index.html").read_text(encoding="utf-8")
    assert "wherefrom.Problem" in page
    fetched = re.compile(r'<(script|link rel="stylesheet")[^>]*(src|href)="https?://')
    assert not any(fetched.search(path.read_text(encoding="utf-8")) for path in (tmp_path / "site").rglob("*.html"))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=named)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "example"}
    for number, code in enumerate(blocks(page, "python")):
        exec(compile(code, f"{named(page)}, example {number + 1}", "exec"), space)


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for page in PAGES for code in blocks(page, "bash") for line in code.splitlines()]
    return sorted({line for line in lines if line.startswith("wherefrom ")})


@pytest.mark.parametrize("line", commands())
def test_commands_parse(line: str) -> None:
    words = shlex.split(line)[1:]
    command = get_command(app)
    context = command.make_context("wherefrom", words[:1] + words[1:], resilient_parsing=True)  # type: ignore[attr-defined]
    chosen = command.get_command(context, words[0])  # type: ignore[attr-defined]
    assert chosen is not None
    chosen.make_context(words[0], words[1:])


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target
