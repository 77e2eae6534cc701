"""How many of each ranking's first rows are turned labels, and how rankings differ, seed by seed."""

import pandas as pd

from wherefrom_studies.findings import single
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.means import ExperimentResults, contrast, grouped_name, mean_by, select
from wherefrom_studies.titanic.models import INFLUENCE, TRACIN
from wherefrom_studies.titanic.turned_labels.experiment import CHECKED, HYBRID, LOSS, RANKINGS, TOPS

PREFIX = "turned labels"
CHANCE = f"{PREFIX}/chance"
CONTRASTS = (  # a ranking, the one that it is set against, and how many of their first rows are looked at
    *((TRACIN, other, length) for length in (1, 5) for other in (LOSS, INFLUENCE)),
    *((ranking, other, 10) for ranking in (CHECKED, HYBRID) for other in (TRACIN, LOSS)),
)

TurnedLabelResults = ExperimentResults[pd.DataFrame]


def contrast_name(ranking: str, other: str, length: int) -> str:
    """Return the name of the difference of two rankings, of which the first is the last layer's or a combination."""
    return f"contrast/{PREFIX}, {ranking.removesuffix(', last layer')} less {other}, first {length}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, which are the same in both forms."""
    shares = {grouped_name(PREFIX, ranking, length, "found") for ranking in RANKINGS for length in TOPS}
    return shares | {CHANCE} | {contrast_name(*each) for each in CONTRASTS}


def analyse(table: pd.DataFrame) -> TurnedLabelResults:
    """Return the share of turned labels by ranking and length beside chance, and the differences."""
    numbers = mean_by(PREFIX, table, ["ranking", "first"], ("found",))
    numbers[CHANCE] = single(CHANCE, float(table["chance"].iloc[0]))
    for ranking, other, length in CONTRASTS:
        name, rows = contrast_name(ranking, other, length), select(table, first=length)
        numbers[name] = contrast(name, select(rows, ranking=ranking), select(rows, ranking=other), "found")
    return ExperimentResults(table, numbers)
