"""One experiment of a study, in three steps that each have a file: experiment, analysis, report."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import pandas as pd

from wherefrom_studies.findings import Bar, Figure, Numbers

if TYPE_CHECKING:
    from wherefrom_studies.study import Study


class Results(Protocol):
    """What an analysis gives: the numbers that sentences and bars cite, beside whatever tables its report needs."""

    @property
    def numbers(self) -> Numbers: ...


@dataclass(frozen=True, eq=False)
class Report:
    """The tables and figures of a part, by title."""

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)


Tables = TypeVar("Tables")
Result = TypeVar("Result", bound=Results)


@dataclass(frozen=True)
class Part(Generic[Tables, Result]):
    """How one experiment goes from training to what is shown of it.

    ``experiment`` trains, scores and retrains, ``analysis`` makes results with seeds and intervals of its tables, ``report`` makes tables and
    figures of the results. ``number_names`` tells, before any training, the numbers that a form of the study will have: sentences and ``bars`` are
    checked against them. A number of which no seed had a value may be missing later; what cites it is then left out.
    """

    experiment: Callable[["Study"], Tables]
    number_names: Callable[["Study"], Collection[str]]
    analysis: Callable[[Tables], Result]
    report: Callable[[Result], Report]
    bars: tuple[Bar, ...] = ()
