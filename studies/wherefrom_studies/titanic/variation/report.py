"""What is shown of the changes: how far each method's scores survive them."""

import pandas as pd

from wherefrom_studies.findings import Figure, mean_of
from wherefrom_studies.panels import dots
from wherefrom_studies.part import Report
from wherefrom_studies.titanic.charts import SERIES, row_of
from wherefrom_studies.titanic.models import MAIN
from wherefrom_studies.titanic.variation.analysis import VariationResults


def compose(results: VariationResults) -> Report:
    """Return the figure."""
    title = "Kendall's tau with the scores before the change"
    chart = dots(changes(results.tables), category="change", x_title=title, domain=[0, 1], colours=SERIES)
    caption = "How far each method's scores (MLP, batches of 32) survive a change, all else alike: means and 95 % intervals over seeds."
    return Report(figures={"stability": Figure(chart, caption)})


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return tau by change and method, the change that leaves most first."""
    order = table.groupby("change")["kendall"].mean().sort_values(ascending=False).index
    groups = dict(list(table.groupby(["change", "method"], sort=False)))
    return pd.DataFrame(
        [
            {"change": change, "series": method, **row_of(mean_of("tau", groups[change, method]["kendall"], groups[change, method]["seed"]))}
            for change in order
            for method in MAIN
        ]
    )
