"""What the held-out images give: means over seeds."""

from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Numbers, mean_of
from wherefrom_studies.study import Study

COLUMNS = ("accuracy", *(f"{ranking}, {metric}" for metric in ("AUC", "AP") for ranking in ("self-influence", "loss")))


@dataclass(frozen=True, eq=False)
class HeldoutResults:
    """A row for each seed, and the means."""

    each: pd.DataFrame
    numbers: Numbers


def heldout_number(column: str) -> str:
    """Return the name of the mean of a column."""
    return f"held-out/{column}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    return set(map(heldout_number, COLUMNS))


def analyse(table: pd.DataFrame) -> HeldoutResults:
    """Return the mean of every column."""
    return HeldoutResults(
        table, {name: mean_of(name, table[column], table["seed"], bounds=(0.0, 1.0)) for column in COLUMNS for name in [heldout_number(column)]}
    )
