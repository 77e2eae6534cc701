"""The studies stand on the library's public names alone."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import wherefrom as wf
import wherefrom_studies

FILES = sorted(Path(wherefrom_studies.__file__).parent.rglob("*.py"))


def imports_of(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name, each.asname) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ".", None


def chain_of(node: ast.Attribute) -> list[str]:
    """``wf.metrics.Estimate`` as its names after ``wf``; empty for what does not start there."""
    names, inner = [node.attr], node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return names[::-1] if isinstance(inner, ast.Name) and inner.id == "wf" else []


def unknown_in(chain: list[str]) -> str:
    """The first name that its room does not export; what a function or class has is its own matter."""
    room: object = wf
    if chain == ["__version__"]:
        return ""
    for name in chain:
        if not isinstance(room, ModuleType):
            break
        exported = getattr(room, "__all__", None) or [own for own, value in vars(room).items() if inspect.getmodule(value) in (room, None)]
        if name.startswith("_") or name not in exported:
            return f"{room.__name__}.{name}"
        room = getattr(room, name)
    return ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(FILES[0].parent).as_posix())
def test_a_file_uses_public_names_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    private = {(module, name) for module, name in imports_of(tree) if module.split(".")[0] == "wherefrom"} - {("wherefrom", "wf")}
    chains = [chain for node in ast.walk(tree) if isinstance(node, ast.Attribute) and (chain := chain_of(node))]
    assert not private and not {name for chain in chains if (name := unknown_in(chain))}


@pytest.mark.parametrize(
    ("chain", "unknown"),
    [("metrics.Estimate", ""), ("metrics.bootstrap.LEVEL", "wherefrom.metrics.bootstrap"), ("store.write_whole", "wherefrom.store"),
     ("progress.track", ""), ("progress.BarColumn", "wherefrom.progress.BarColumn"), ("train.newton", ""), ("Problem.of", "")],
)  # fmt: skip
def test_private_names_are_seen(chain: str, unknown: str) -> None:
    assert unknown_in(chain.split(".")) == unknown
