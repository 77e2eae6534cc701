"""What each change leaves of the scores: means over seeds, and which method repeats better with the next seed."""

import pandas as pd

from wherefrom_studies.study import Study
from wherefrom_studies.titanic.means import ExperimentResults, contrast, grouped_name, mean_by, select
from wherefrom_studies.titanic.models import INFLUENCE, MAIN, TRACIN
from wherefrom_studies.titanic.variation.experiment import SEED, SPLIT, changes_of

PREFIX, COLUMNS = "varied", ("kendall", "kuncheva")
NEXT_SEED = "contrast/tau with the next seed, TracIn less influence"

VariationResults = ExperimentResults[pd.DataFrame]


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that the changes of a form give."""
    changes = (*changes_of(study), SEED, SPLIT)
    return {grouped_name(PREFIX, change, method, column) for change in changes for method in MAIN for column in COLUMNS} | {NEXT_SEED}


def analyse(table: pd.DataFrame) -> VariationResults:
    """Return what is left by change and method, and how much better TracIn repeats than influence, seed by seed."""
    numbers = mean_by(PREFIX, table, ["change", "method"], COLUMNS)
    rows = select(table, change=SEED)
    numbers[NEXT_SEED] = contrast(NEXT_SEED, select(rows, method=TRACIN), select(rows, method=INFLUENCE), "kendall")
    return ExperimentResults(table, numbers)
