"""What leaving digits out gives, over those asked about: correlations, slopes and signs of each form."""

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, median_of, single
from wherefrom_studies.koh_liang.loo.experiment import FORMS
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.study import Study

FIGURES = ("pearson", "least pearson", "slope", "sign")


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    return {f"loo/{form}/{what}" for form in FORMS for what in FIGURES}


def analyse(table: pd.DataFrame) -> RowResults:
    """Return the numbers of a table of queries and images left out."""
    return RowResults(table, {name: number for form in FORMS for name, number in form_numbers(form, table).items()})


def form_numbers(form: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return, over the digits asked about, the median and least correlation, the median slope, and signs over the most influential images."""
    groups = [rows for _, rows in table.groupby("query", sort=False)]
    r = [float(np.corrcoef(rows["actual"], rows[form])[0, 1]) for rows in groups]
    slope = [float(np.polyfit(rows["actual"], rows[form], 1)[0]) for rows in groups]
    top = table[table["kind"] == "top"]
    return {
        f"loo/{form}/pearson": median_of("pearson", r, (0,)),
        f"loo/{form}/least pearson": single("least pearson", min(r), (0,)),
        f"loo/{form}/slope": median_of("slope", slope, (0,)),
        f"loo/{form}/sign": single("sign", float((np.sign(top["actual"]) == np.sign(top[form])).mean()), (0,)),
    }
