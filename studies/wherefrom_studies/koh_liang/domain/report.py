"""What is shown of the domain mismatch: the ten training rows of largest influence."""

import numpy as np

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.koh_liang.domain.analysis import MismatchResults
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import bars

BARS = (
    Bar("mismatch/hospital/first four", at_least=1.0, source="the paper: the four children"),
    Bar("mismatch/hospital/ratio", at_least=20, source="the paper: 30 to 40 times"),
)


def compose(results: MismatchResults) -> Report:
    """Return the rows of each table, and the figure of the hospital's first seed."""
    hospital = results.tables["hospital"]
    first = hospital[hospital["seed"] == hospital["seed"].iloc[0]].assign(
        row=lambda table: table["rank"].astype(str), kind=lambda table: np.where(table["planted"], "planted child", "other")
    )
    figure = Figure(
        bars(first, "row", "score", x_title="training row by magnitude of influence", y_title="influence (loss change)", colour="kind"),
        "A wrong prediction of a child: the ten training rows of largest influence, the four planted children first (hospital's structure, "
        "first seed).",
    )
    return Report({f"mismatch, {name}": rows for name, rows in results.tables.items()}, {"mismatch": figure})
