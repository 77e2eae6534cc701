"""What each defect does, as a mean over seeds."""

import pandas as pd

from wherefrom_studies.findings import mean_of
from wherefrom_studies.study import Study
from wherefrom_studies.titanic.means import POSITIVE, SHARE, SIGNED, ExperimentResults

DEFECTS = {  # columns of the table, and what their means can be
    **dict.fromkeys(("positional: rows meant", "copies: told of by the library", "k = n: Jaccard of random lists"), SHARE),
    **dict.fromkeys(("positional: of 50, dropped", "positional: of 50, meant", "positional: left of all"), POSITIVE),
    **dict.fromkeys(("copies: r with gradient dot", "copies: tau with TracIn", "double sigmoid: tau with the loss trained"), SIGNED),
    **dict.fromkeys(("one network: tau", "two networks: tau", "largest tau of a query", "least tau of a query"), SIGNED),
}

DefectResults = ExperimentResults[pd.DataFrame]


def defect_name(column: str) -> str:
    """Return the name of the number made of a column."""
    return f"defects/{column}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, which are the same in both forms."""
    return {defect_name(column) for column in DEFECTS}


def analyse(table: pd.DataFrame) -> DefectResults:
    """Return the mean of each column."""
    return ExperimentResults(
        table, {(name := defect_name(column)): mean_of(name, table[column], table["seed"], bounds=reach) for column, reach in DEFECTS.items()}
    )
