"""What influence finds of the planted rows, over seeds and draws."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Number, Numbers, median_of, share_of, single
from wherefrom_studies.study import Study

FIGURES = ("first four", "ratio", "least ratio", "coefficients before")


@dataclass(frozen=True, eq=False)
class MismatchResults:
    """The rows of each table asked, by its name, and the numbers made of them."""

    tables: Mapping[str, pd.DataFrame]
    numbers: Numbers


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers; a person's own table has its own."""
    tables = ("hospital", "titanic") if study.data is None else ("hospital", "titanic", "own")
    return {f"mismatch/{table}/{what}" for table in tables for what in FIGURES}


def analyse(tables: Mapping[str, pd.DataFrame]) -> MismatchResults:
    """Return the numbers of each table."""
    numbers = {name: number for table, rows in tables.items() for name, number in table_numbers(f"mismatch/{table}", rows).items()}
    return MismatchResults(tables, numbers)


def table_numbers(name: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return how often the planted rows are the first four and by how much, and how many coefficients are larger than the group's."""
    first, ratio, before, seeds = [], [], [], []
    for seed, rows in table.groupby("seed"):
        size = rows.sort_values("rank")["score"].abs().to_numpy()
        first.append(bool(rows.sort_values("rank")["planted"].head(4).all()))
        ratio.append(size[3] / size[4])
        before.append(float(rows["coefficients before the group's"].iloc[0]))
        seeds.append(int(str(seed)))
    return {
        f"{name}/first four": share_of("first four", first, seeds),
        f"{name}/ratio": median_of("ratio", ratio, seeds, 27.0),
        f"{name}/least ratio": single("least ratio", min(ratio), seeds),
        f"{name}/coefficients before": median_of("coefficients before", before, seeds, 14),
    }
