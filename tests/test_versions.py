"""What the dependencies' ranges say is what is tested: the oldest versions are those of constraints-lowest.txt."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

OWN = Path(__file__).parent.parent
NOT_TESTED_AT_THEIR_OLDEST = {"bench", "dev", "docs", "test"}  # extras for work on the library


def requirements() -> list[Requirement]:
    """Those of the library, of its extras for users, and of the studies, where Python is 3.11; but for what takes the version of another."""
    found = []
    for file in ("pyproject.toml", "studies/pyproject.toml"):
        project = tomllib.loads((OWN / file).read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        found += project["dependencies"] + [line for extra, lines in extras.items() if extra not in NOT_TESTED_AT_THEIR_OLDEST for line in lines]
    read = [Requirement(line) for line in found]
    return [one for one in read if one.specifier and (one.marker is None or one.marker.evaluate({"python_version": "3.11"}))]


def pinned(file: str) -> dict[str, Version]:
    lines = [line.partition("#")[0].strip() for line in (OWN / file).read_text(encoding="utf-8").splitlines()]
    return {name.lower(): Version(version) for name, _, version in (line.partition("==") for line in lines if line)}


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    bounds = {one.name.lower(): next(Version(part.version) for part in one.specifier if part.operator == ">=") for one in requirements()}
    assert pinned("constraints-lowest.txt") == bounds


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-lowest.txt"])
def test_constraints_are_within_the_ranges(file: str) -> None:
    versions = pinned(file)
    assert not [str(one) for one in requirements() if not one.specifier.contains(versions[one.name.lower()])]
