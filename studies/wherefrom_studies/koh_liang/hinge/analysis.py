"""What the machines give by temperature and by how many images they were trained on: correlation and slope over queries."""

import numpy as np
import pandas as pd

from wherefrom_studies.findings import Number, median_of
from wherefrom_studies.koh_liang.hinge.experiment import TEMPERATURES, sizes_of
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.study import Study

PUBLISHED = {0.0: 0.632, 0.001: 0.950, 0.1: 0.914}


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers of a form's machines."""
    return {f"hinge/{images} images/t={t:g}/{what}" for images in sizes_of(study) for t in TEMPERATURES for what in ("pearson", "slope")}


def analyse(table: pd.DataFrame) -> RowResults:
    """Return the numbers of each machine."""
    groups = table.groupby("images", sort=False)
    return RowResults(table, {name: number for images, rows in groups for name, number in query_numbers(f"hinge/{images} images", rows).items()})


def query_numbers(name: str, table: pd.DataFrame) -> dict[str, Number]:
    """Return medians over queries at each temperature."""
    numbers = {}
    for t in TEMPERATURES:
        each = [(rows["actual"].to_numpy(), rows[f"t = {t:g}"].to_numpy()) for _, rows in table.groupby("query")]
        numbers[f"{name}/t={t:g}/pearson"] = median_of("pearson", [np.corrcoef(x, y)[0, 1] for x, y in each], (0,), PUBLISHED[t])
        numbers[f"{name}/t={t:g}/slope"] = median_of("slope", [np.polyfit(x, y, 1)[0] for x, y in each], (0,))
    return numbers
