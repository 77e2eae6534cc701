"""What is shown of the terms: each form of the score against influence, of one digit."""

import numpy as np

from wherefrom_studies.findings import Figure
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.koh_liang.terms.experiment import FORMS, WHOLE
from wherefrom_studies.panels import swarms
from wherefrom_studies.part import Report


def compose(results: RowResults) -> Report:
    """Return the rows, and the figure of the digit of highest loss."""
    rows = results.rows
    one = rows[rows["query"] == rows["query"].iloc[0]].melt(["query", "left out", "alike", WHOLE], list(FORMS[1:]), "panel", "score")
    one = one.assign(series=np.where(one["alike"], "same digit as the one asked about", "the other digit"))
    figure = Figure(
        swarms(one, x=WHOLE, y="score", x_title="influence (loss change)", y_title="the form's score"),
        "Ones and sevens, the test digit of highest loss: each form of the score against influence, for the images that some form ranks first and "
        "random ones.",
    )
    return Report({"terms, scores and retrained changes": rows}, {"terms": figure})
