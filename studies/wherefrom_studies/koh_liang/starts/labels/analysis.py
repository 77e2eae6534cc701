"""What a network finds of wrong labels: by its start, and by which labels are wrong."""

import pandas as pd

from wherefrom_studies.findings import Number
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.koh_liang.starts.labels.experiment import RANKINGS
from wherefrom_studies.koh_liang.starts.spread import spread_names, spread_numbers
from wherefrom_studies.study import Study

VARIED = {"start": "flips", "flips": "start"}  # what moves, and what is held at 0 meanwhile


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    return {name for ranking in RANKINGS for what in VARIED for name in spread_names(f"starts/labels/{ranking}/by {what}")}


def analyse(table: pd.DataFrame) -> RowResults:
    """Return the spread of what is found in the first tenth."""
    numbers: dict[str, Number] = {}
    for what, held in VARIED.items():
        for name, rows in table[table[held] == 0].groupby("ranking"):
            numbers |= spread_numbers(f"starts/labels/{name}/by {what}", rows["fixed at 10%"].tolist(), rows[what].tolist())
    return RowResults(table, numbers)
