"""What is shown of the turned labels: how many stand among each ranking's first rows."""

import pandas as pd

from wherefrom_studies.findings import Figure, Numbers
from wherefrom_studies.panels import dots
from wherefrom_studies.part import Report
from wherefrom_studies.titanic.charts import row_of
from wherefrom_studies.titanic.means import grouped_name
from wherefrom_studies.titanic.turned_labels.analysis import PREFIX, TurnedLabelResults
from wherefrom_studies.titanic.turned_labels.experiment import RANKINGS, TOPS


def compose(results: TurnedLabelResults) -> Report:
    """Return the figure."""
    chart = dots(shares(results.numbers), category="first", x_title="share that are turned labels", domain=[0, 1])
    caption = (
        "A twentieth of the training labels turned: how many of each ranking's first rows are turned ones; 95 % intervals over seeds. Chance is "
        "a twentieth."
    )
    return Report(figures={"turned labels": Figure(chart, caption)})


def shares(numbers: Numbers) -> pd.DataFrame:
    """Return shares of turned labels by ranking and length."""
    return pd.DataFrame(
        [
            {"series": ranking, "first": f"first {length}", **row_of(numbers[grouped_name(PREFIX, ranking, length, "found")])}
            for length in TOPS
            for ranking in RANKINGS
        ]
    )
