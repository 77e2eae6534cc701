"""Benchmarks as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def loaded(script: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module that is gone after the test; it may import its neighbours."""
    name = f"benchmark_{script.stem}"
    spec = importlib.util.spec_from_file_location(name, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(script.parent)
    monkeypatch.setitem(sys.modules, name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
