"""Outcomes of retraining on disk, a line for each training, so that a kill loses the one in hand alone and nothing is trained twice."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.examples import Examples
from wherefrom.errors import UsageError
from wherefrom.former_name import FORMER_NAME, NAME
from wherefrom.problem import Problem
from wherefrom.retraining.interventions import Change
from wherefrom.types import Json

KIND = f"{NAME} outcomes"
KINDS = (KIND, f"{FORMER_NAME} outcomes")


@dataclass(eq=False)
class Ledger:
    """What each (change, seed) gave; with ``path`` appended to a file of JSON lines, the first of which says what they are of."""

    path: Path | None
    known: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path | None, manifest: Mapping[str, Json]) -> "Ledger":
        """A new file, or one of the same problem, queries and trainer. Raises :class:`UsageError` for another and says what differs."""
        if path is None:
            return cls(None)
        path, first = Path(path), json.dumps({"kind": KIND, **manifest})
        if path.is_dir():
            raise UsageError(f"{path} is a folder; give out= the name of a file.")
        if not path.exists() or not path.read_bytes():
            path.parent.mkdir(parents=True, exist_ok=True)
            _append(path, first)
            return cls(path)
        head, *lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        before = _parsed(head)
        if before.get("kind") not in KINDS:
            raise UsageError(f"{path} holds something else; give out= another name.")
        differ = [name for name, value in json.loads(first).items() if name != "kind" and before.get(name) != value]
        if differ:
            raise UsageError(f"{path} holds outcomes of another {' and another '.join(differ)}; give out= another name, or remove it.")
        found = cls(path)
        for line in map(_parsed, lines):  # the last may have been cut off
            for one in line.get("together", [line]):
                if "key" in one:
                    found.known[one["key"]] = one["values"]
        if lines and lines[-1]:
            _append(path, "")
        return found

    def missing(self, changes: Sequence[Change], seed: int) -> list[int]:
        """The numbers of the changes that are not known."""
        return [number for number, change in enumerate(changes) if _key(change, seed) not in self.known]

    def add(self, change: Change, seed: int, values: Tensor) -> None:
        """Keep what a run gave (q,)."""
        self._keep([_entry(change, seed, values)])

    def add_together(self, changes: Sequence[Change], seed: int, values: Sequence[Tensor]) -> None:
        """Keep what runs that were trained together gave: all of them or, after a kill, none, so that the same are trained together again."""
        self._keep([_entry(change, seed, given) for change, given in zip(changes, values, strict=True)])

    def _keep(self, entries: list[dict[str, Any]]) -> None:
        self.known |= {entry["key"]: entry["values"] for entry in entries}
        if self.path is not None:
            _append(self.path, json.dumps(entries[0] if len(entries) == 1 else {"together": entries}))

    def get(self, change: Change, seed: int) -> Tensor:
        """What was kept (q,), in float64."""
        return torch.tensor(self.known[_key(change, seed)], dtype=torch.float64)


def manifest_of(problem: Problem, queries: Examples, train: object, normalise: bool) -> dict[str, Json]:
    """What outcomes are of, in words that are the same in every process."""
    named = getattr(train, "__qualname__", None)
    settings = f"{train.__module__}.{named}" if named else re.sub(r" at 0x[0-9a-f]+", "", repr(train))  # of a setting that is a function
    rows = hashlib.sha256(np.ascontiguousarray(queries.rows).tobytes() + "\n".join(map(str, queries.ids.tolist())).encode()).hexdigest()
    return {"problem": problem.fingerprint(), "queries": f"{queries.source.digest()} {rows}", "trainer": settings, "normalise": normalise}


def _entry(change: Change, seed: int, values: Tensor) -> dict[str, Any]:
    return {"key": _key(change, seed), "seed": seed, **change.told, "values": values.tolist()}


def _key(change: Change, seed: int) -> str:
    return hashlib.sha256(f"{seed}|{sorted(map(repr, change.key))}".encode()).hexdigest()[:32]


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
