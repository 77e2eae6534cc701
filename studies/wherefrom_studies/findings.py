"""What a study finds: tables, figures, numbers with seeds and intervals, and sentences that cite the numbers."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

import wherefrom as wf

CITED = re.compile(r"\{([^{}]+)\}")
RESAMPLES = 1000  # of the seeds, for the interval of a median


@dataclass(frozen=True)
class Number:
    """A number, the seeds that it comes from, and what the original has in its place."""

    estimate: wf.metrics.Estimate
    seeds: tuple[int, ...] = ()
    original: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate's fields beside the seeds and the original, for JSON."""
        return {**self.estimate.to_dict(), "seeds": list(self.seeds), "original": self.original}

    def __str__(self) -> str:
        value, low, high = self.estimate.value, self.estimate.low, self.estimate.high
        if value is None:
            return self.estimate.status
        return _short(value) if low is None or high is None else f"{_short(value)} [{_short(low)}, {_short(high)}]"


Numbers = Mapping[str, Number]


def _short(value: float) -> str:
    """Three digits, all of a whole number, and so many of a correlation close to 1 that it does not read as 1."""
    if abs(value) >= 1000 and value == round(value):
        return f"{value:,.0f}"
    return f"{value:.5f}" if 0.9995 <= abs(value) < 1 - 1e-9 else f"{value:.3g}"


@dataclass(frozen=True)
class Bar:
    """What a number must reach, and where the bar comes from."""

    number: str
    at_least: float | None = None
    at_most: float | None = None
    source: str = ""

    def met(self, value: float | None) -> bool:
        """Say whether a value lies within."""
        if value is None:
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart and what it shows."""

    chart: alt.TopLevelMixin
    caption: str


@dataclass(frozen=True, eq=False)
class Findings:
    """The answer of a study, or of a part of one.

    A sentence cites numbers by name in braces, ``"r is {cnn/pearson}"``; ``originals`` says where the original was wrong, ``replaced`` what
    stands in place of data that are not at hand.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=dict)
    sentences: tuple[str, ...] = ()
    bars: tuple[Bar, ...] = ()
    originals: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for sentence in self.sentences:
            if not CITED.search(sentence):
                raise ValueError(f"The finding {sentence!r} cites no number.")
        for name in (*(name for sentence in self.sentences for name in CITED.findall(sentence)), *(bar.number for bar in self.bars)):
            look_up(name, self.numbers)

    def texts(self) -> tuple[str, ...]:
        """Return the sentences with their numbers put in."""
        return tuple(CITED.sub(lambda match: str(self.numbers[match[1]]), sentence) for sentence in self.sentences)

    def value(self, name: str) -> float | None:
        """Return the value of a number."""
        return self.numbers[name].estimate.value


def look_up(name: str, known: Collection[str]) -> str:
    """Return the name of a number that is known; raise ``ValueError`` with the nearest where it is not."""
    if name not in known:
        raise ValueError(f"There is no number {name!r}.{wf.errors.nearest(name, known)}")
    return name


def joined(parts: Iterable[Findings]) -> Findings:
    """Several parts as one answer."""
    parts = list(parts)

    def merged(name: str) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for part in parts:
            mapping = getattr(part, name)
            if doubled := whole.keys() & mapping.keys():
                raise ValueError(f"Two parts have {name} called {sorted(doubled)}.")
            whole |= mapping
        return whole

    return Findings(
        merged("tables"),
        merged("figures"),
        merged("numbers"),
        tuple(sentence for part in parts for sentence in part.sentences),
        tuple(bar for part in parts for bar in part.bars),
        tuple(one for part in parts for one in part.originals),
        tuple(one for part in parts for one in part.replaced),
    )


def single(name: str, value: float | None, seeds: Iterable[int] = (), original: float | None = None) -> Number:
    """A number without an interval: a count, or what one deterministic computation gives."""
    missing = value is None
    estimate = wf.metrics.undefined(name, "not computed in this form") if missing else wf.metrics.Estimate(name, float(value))
    return Number(estimate, tuple(seeds), original)


def mean_of(
    name: str, values: Iterable[float], seeds: Iterable[int], original: float | None = None, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Number:
    """The mean over seeds with Student's interval, cut at the bounds."""
    listed = _finite(name, values)
    value, runs = float(listed.mean()), len(listed)
    value = 0.0 if abs(value) < runs * np.finfo(float).eps * np.abs(listed).max() else value  # what rounding leaves of differences that cancel
    low, high = wf.metrics.student(value, float(listed.std(ddof=1)) / runs**0.5, runs - 1, bounds) if runs > 1 else (None, None)
    return Number(wf.metrics.Estimate(name, value, low, high, n=runs), tuple(seeds), original)


def median_of(name: str, values: Iterable[float], seeds: Iterable[int], original: float | None = None) -> Number:
    """The median over seeds; its interval by 1,000 resamplings of them."""
    listed = _finite(name, values)
    picks = np.random.default_rng(0).integers(0, len(listed), (RESAMPLES, len(listed)))
    low, high = wf.metrics.percentiles(np.median(listed[picks], 1)) if len(listed) > 1 else (None, None)
    return Number(wf.metrics.Estimate(name, float(np.median(listed)), low, high, n=len(listed)), tuple(seeds), original)


def share_of(name: str, hits: Iterable[bool], seeds: Iterable[int], original: float | None = None) -> Number:
    """The share of seeds in which something holds, with Wilson's interval."""
    listed = _finite(name, hits)
    share, runs, z = float(listed.mean()), len(listed), 1.959964
    middle, reach = share + z**2 / (2 * runs), z * (share * (1 - share) / runs + z**2 / (4 * runs**2)) ** 0.5
    low, high = ((middle + side * reach) / (1 + z**2 / runs) for side in (-1, 1))
    return Number(wf.metrics.Estimate(name, share, max(0.0, low), min(1.0, high), n=runs), tuple(seeds), original)


def _finite(name: str, values: Iterable[float]) -> np.ndarray:
    listed = np.asarray(list(values), dtype=np.float64)
    if not len(listed) or not np.isfinite(listed).all():
        raise ValueError(f"{name} has no values, or some that are not finite.")
    return listed
