"""How far each form of the score foretells retraining, over queries."""

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Number, median_of
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.koh_liang.terms.experiment import FORMS
from wherefrom_studies.study import Study

FIGURES = ("pearson", "spearman", "sign")


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    return {f"terms/{form}/{what}" for form in FORMS for what in FIGURES}


def analyse(table: pd.DataFrame) -> RowResults:
    """Return the numbers of a table of queries and images left out."""
    return RowResults(table, {name: number for form in FORMS for name, number in form_numbers(form, table).items()})


def form_numbers(form: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return medians over queries of one form."""
    groups = [rows for _, rows in table.groupby("query", sort=False)]
    figures = {
        "pearson": [float(np.corrcoef(rows["actual"], rows[form])[0, 1]) for rows in groups],
        "spearman": [wf.metrics.spearman(rows["actual"].to_numpy(), rows[form].to_numpy()).value or 0.0 for rows in groups],
        "sign": [float((np.sign(rows["actual"]) == np.sign(rows[form])).mean()) for rows in groups],
    }
    return {f"terms/{form}/{what}": median_of(what, values, (0,)) for what, values in figures.items()}
