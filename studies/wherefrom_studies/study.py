"""What a study is: frozen settings, what it asks, how long it takes, its parts, and a run that answers."""

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.findings import CITED, Findings, Number, Numbers, joined, look_up
from wherefrom_studies.part import Part
from wherefrom_studies.sentences import Sentences, render

T = TypeVar("T")
SIGNS = (-1.0, 0.0, 1.0)  # of the blanks a template is checked with, so that words which depend on a sign take each branch


@dataclass(frozen=True)
class Times:
    """Seconds of the quick form and minutes of the full one, on one core; ``measured`` says whether the latter was, or was reckoned from parts."""

    quick: float
    full: float
    measured: bool

    def in_words(self, quick: bool) -> str:
        """Say the time of one form."""
        if quick:
            return f"about {self.quick:.0f} seconds"
        return f"about {self.full:.0f} minutes on one core ({'measured' if self.measured else 'estimated'})"


@dataclass(frozen=True)
class Study:
    """An experiment of the field, on the library's public names alone.

    ``out`` is its folder, ``quick`` the form of a minute or so, ``seeds`` how many seeds (default: the form's own), ``data`` a file or folder
    in place of the study's own where it takes one, with the column ``target``, ``device`` where its networks run.

    A study is declared in the ``__init__.py`` of its folder, beside ``sentences.j2``: what it is called and asks, its ``parts``, and the
    ``words`` of its template.
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
            raise wf.UsageError(f"--seeds {self.seeds} asks for no run; give 1 or more.")
        if self.data is not None and not self.takes:
            raise wf.UsageError(f"The study {self.name} has data of its own; leave out --data.")
        if self.data is not None and not self.data.exists():
            raise wf.UsageError(f"There is nothing at --data {self.data}; give {self.takes}.")
        if self.target is not None and self.data is None:
            raise wf.UsageError("--target names a column of --data; give both.")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:  # torch built without that device
            raise wf.UsageError(f"--device {self.device} cannot be used here; give cpu, or cuda where torch sees one.") from error

    def parts(self) -> tuple[Part[Any, Any], ...]:
        """Return the experiments in the order in which they run."""
        return ()

    def words(self, numbers: Numbers) -> dict[str, Any]:
        """Return what the template uses beside ``cite``: functions that name numbers, and words that depend on the numbers."""
        return {}

    def run(self) -> Findings:
        """Check what will be said, compute every part and say it; what is under ``out/kept`` already is not computed again."""
        self.check()
        parts = []
        for part in self.parts():
            results = part.analysis(part.experiment(self))
            report = part.report(results)
            bars = tuple(bar for bar in part.bars if bar.number in results.numbers)
            parts.append(Findings(report.tables, report.figures, results.numbers, bars=bars))
        whole = joined(parts)
        said = self.sentences(whole.numbers)
        return replace(whole, sentences=said.findings, originals=said.originals, replaced=said.replaced)

    def check(self) -> Sentences:
        """Raise ``ValueError`` where a sentence or a bar names a number that neither this form nor the full one has; return this form's sentences."""
        known = self._known()
        for bar in (bar for part in self.parts() for bar in part.bars):
            look_up(bar.number, known)
        said = Sentences()
        for sign in SIGNS:
            said = self.sentences({name: Number(wf.metrics.Estimate(name, sign, sign, sign)) for name in self.number_names()})
        return said

    def sentences(self, numbers: Numbers) -> Sentences:
        """Return the sentences of ``sentences.j2``, without the findings that cite a number which is not there."""
        template = resources.files(type(self).__module__) / "sentences.j2"
        said = render(template.read_text(encoding="utf-8"), self._known(), self.words(numbers))
        return replace(said, findings=tuple(each for each in said.findings if all(name in numbers for name in CITED.findall(each))))

    def number_names(self) -> set[str]:
        """Return the names of the numbers that this form will have."""
        names: set[str] = set()
        for part in self.parts():
            own = set(part.number_names(self))
            if doubled := names & own:
                raise ValueError(f"Two parts have numbers called {sorted(doubled)}.")
            names |= own
        return names

    def _known(self) -> set[str]:
        return self.number_names() | replace(self, quick=False).number_names()

    def count(self, full: int, quick: int) -> tuple[int, ...]:
        """Return the seeds of a part: as many as were asked for, or as its form has."""
        return tuple(range(self.seeds or (quick if self.quick else full)))

    def either(self, full: T, quick: T) -> T:
        """Return one setting of the full form or of the quick one."""
        return quick if self.quick else full

    @property
    def cache(self) -> Cache:
        """The folder of the study's expensive parts."""
        return Cache(self.out / "kept")
