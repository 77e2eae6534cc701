"""What a study is: frozen settings, what it asks, how long it takes, and a run that answers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import torch

from wherefrom.errors import UsageError
from wherefrom_studies.cache import Kept
from wherefrom_studies.findings import Found

T = TypeVar("T")


@dataclass(frozen=True)
class Times:
    """Seconds of the quick form and minutes of the full one, on one core; ``measured`` says whether the latter was, or was reckoned from parts."""

    quick: float
    full: float
    measured: bool

    def said(self, quick: bool) -> str:
        """The time of one form in words."""
        if quick:
            return f"about {self.quick:.0f} seconds"
        return f"about {self.full:.0f} minutes on one core ({'measured' if self.measured else 'estimated'})"


@dataclass(frozen=True)
class Study(ABC):
    """An experiment of the field, on the library's public names alone.

    ``out`` is its folder, ``quick`` the form of a minute or so, ``seeds`` how many seeds (default: the form's own), ``data`` a file or folder
    in place of the study's own where it takes one, with the column ``target``, ``device`` where its networks run.
    """

    out: Path
    quick: bool = False
    seeds: int | None = None
    data: Path | None = None
    target: str | None = None
    device: str = "cpu"

    name: ClassVar[str]
    question: ClassVar[str]
    paper: ClassVar[str]
    times: ClassVar[Times]
    takes: ClassVar[str] = ""  # what --data may be; empty where the study takes none

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise UsageError(f"--seeds {self.seeds} asks for no run; give 1 or more.")
        if self.data is not None and not self.takes:
            raise UsageError(f"The study {self.name} has data of its own; leave out --data.")
        if self.data is not None and not self.data.exists():
            raise UsageError(f"There is nothing at --data {self.data}; give {self.takes}.")
        if self.target is not None and self.data is None:
            raise UsageError("--target names a column of --data; give both.")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:  # torch built without that device
            raise UsageError(f"--device {self.device} cannot be used here; give cpu, or cuda where torch sees one.") from error

    @abstractmethod
    def run(self) -> Found:
        """Everything the study computes; what is under ``out/kept`` already is not computed again."""

    def count(self, full: int, quick: int) -> tuple[int, ...]:
        """The seeds of a part: as many as were asked for, or as its form has."""
        return tuple(range(self.seeds or (quick if self.quick else full)))

    def either(self, full: T, quick: T) -> T:
        """One setting of the full form and of the quick one."""
        return quick if self.quick else full

    @property
    def kept(self) -> Kept:
        """Where the study's expensive parts are kept."""
        return Kept(self.out / "kept")
