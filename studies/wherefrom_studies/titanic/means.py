"""From tables with seeds to numbers: means by key inside what a figure can be, and differences taken seed by seed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of, median_of, single

FREE = (-np.inf, np.inf)
SHARE, SIGNED, POSITIVE = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf)
BOUNDS = {
    **dict.fromkeys(("found", "top ten", "beyond 50", "jaccard", "fagin", "rbo"), SHARE),
    **dict.fromkeys(("kendall", "spearman", "kuncheva", "accuracy", "auc"), SIGNED),  # the latter two are changes
    **dict.fromkeys(("largest", "seconds", "bytes", "between queries"), POSITIVE),
    "half": (1.0, np.inf),
}
SKEWED = ("early over late",)  # a ratio whose mean a few seeds make

Measurements = TypeVar("Measurements")


@dataclass(frozen=True, eq=False)
class ExperimentResults(Generic[Measurements]):
    """What an experiment measured, and the numbers made of it."""

    tables: Measurements
    numbers: Numbers


def grouped_name(prefix: str, *keys: object) -> str:
    """Return the name of a number: what it is about and the keys that tell it from others."""
    return "/".join([prefix, *map(str, keys)])


def mean_by(prefix: str, table: pd.DataFrame, keys: list[str], columns: Iterable[str]) -> dict[str, Number]:
    """Return the mean over seeds of each column for each combination of keys; of a ratio that a few seeds make, the median."""
    numbers = {}
    for key, rows in table.groupby(keys, sort=False):
        for column in columns:
            name = grouped_name(prefix, *key, column)  # type: ignore[misc]
            numbers[name] = _number(name, rows.dropna(subset=[column]), column)
    return numbers


def _number(name: str, rows: pd.DataFrame, column: str) -> Number:
    if column in SKEWED:
        return median_of(name, rows[column], rows["seed"])
    return mean_of(name, rows[column], rows["seed"], bounds=BOUNDS.get(column, FREE)) if len(rows) else single(name, None)


def contrast(name: str, a: pd.DataFrame, b: pd.DataFrame, column: str) -> Number:
    """Return the mean over seeds of a's column less b's, seed by seed."""
    both = a.set_index("seed")[column].sub(b.set_index("seed")[column]).dropna()
    return mean_of(name, both, both.index)


def select(table: pd.DataFrame, **chosen: object) -> pd.DataFrame:
    """Return the rows with these values."""
    for column, value in chosen.items():
        table = table[table[column] == value]
    return table
