"""What inspections give: means over seeds of every ranking, leads over the loss seed by seed, and which ranking leads."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of
from wherefrom_studies.mislabel.flips import draws_of
from wherefrom_studies.mislabel.inspection.experiment import FRACTIONS, recall_column
from wherefrom_studies.mislabel.rankings import LOSS, RANDOM, RANKINGS
from wherefrom_studies.study import Study

COLUMNS = ("auc", "ap", *map(recall_column, FRACTIONS), "seconds")
BOUNDS = {column: (0.0, float("inf") if column == "seconds" else 1.0) for column in COLUMNS}
LEAD = "auc less the loss's"
CHALLENGERS = tuple(ranking for ranking in RANKINGS if ranking not in (LOSS, RANDOM))


@dataclass(frozen=True, eq=False)
class InspectionResults:
    """A row for each seed and ranking of each set, and the numbers made of them."""

    each: Mapping[str, pd.DataFrame]
    numbers: Numbers


def ranking_number(data: str, ranking: str, column: str) -> str:
    """Return the name of a number of one ranking on one set."""
    return f"{data}/{ranking}/{column}"


def accuracy_number(data: str) -> str:
    """Return the name of the networks' accuracy on one set."""
    return f"{data}/accuracy"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that the sets of a form give."""
    names = set()
    for data in draws_of(study):
        names |= {accuracy_number(data), *(ranking_number(data, ranking, LEAD) for ranking in CHALLENGERS)}
        names |= {ranking_number(data, ranking, column) for ranking in RANKINGS for column in COLUMNS}
    return names


def analyse(tables: Mapping[str, pd.DataFrame]) -> InspectionResults:
    """Return the numbers of all sets."""
    return InspectionResults(tables, {name: number for data, table in tables.items() for name, number in mean_numbers(data, table).items()})


def mean_numbers(data: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return means over seeds of every ranking on one set."""
    first = table[table["ranking"] == RANDOM]
    name = accuracy_number(data)
    numbers = {name: mean_of(name, first["accuracy"], first["seed"], bounds=(0.0, 1.0))}
    for ranking, rows in table.groupby("ranking", sort=False):
        for column in COLUMNS:
            name = ranking_number(data, str(ranking), column)
            numbers[name] = mean_of(name, rows[column], rows["seed"], bounds=BOUNDS[column])
    aucs = table.pivot(index="seed", columns="ranking", values="auc")
    for ranking in CHALLENGERS:
        name = ranking_number(data, ranking, LEAD)
        numbers[name] = mean_of(name, aucs[ranking] - aucs[LOSS], aucs.index)
    return numbers


def by_auc(data: str, numbers: Numbers) -> list[str]:
    """Return the rankings, the highest mean AUC first."""
    return sorted(RANKINGS, key=lambda ranking: -(numbers[ranking_number(data, ranking, "auc")].estimate.value or 0.0))


def ahead_of_loss(data: str, numbers: Numbers) -> list[str]:
    """Return the rankings whose lead over the loss has an interval above 0."""
    lows = {ranking: numbers[ranking_number(data, ranking, LEAD)].estimate.low for ranking in CHALLENGERS}
    return [ranking for ranking, low in lows.items() if low is not None and low > 0]
