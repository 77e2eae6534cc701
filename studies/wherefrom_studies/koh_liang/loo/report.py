"""What is shown of leaving digits out: one digit's changes, predicted against retrained."""

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.koh_liang.loo.experiment import FORMS
from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import against

BARS = (
    Bar("loo/exact/pearson", at_least=0.999),
    Bar("loo/exact/least pearson", at_least=0.997),
    Bar("loo/exact/slope", 0.86, 1.0),
    Bar("loo/CG/pearson", at_least=0.999),
    Bar("loo/exact, with leverage/pearson", at_least=0.9999),
    Bar("loo/exact, with leverage/slope", 0.98, 1.02),
    Bar("loo/LiSSA/least pearson", at_least=0.98, source="a replication: 0.998 on its 500 largest"),
)


def compose(results: RowResults) -> Report:
    """Return the rows, and the figure of the digit asked about first."""
    rows = results.rows
    one = rows[rows["query"] == rows["query"].iloc[0]].melt(["query", "left out", "kind", "actual"], list(FORMS), "form", "predicted")
    figure = Figure(
        against(one, panels="form", series="kind", unit="loss change"),
        "Softmax regression on MNIST, the loss of the digit where it is highest: changes predicted for leaving one image out, against "
        "retraining; the most influential images and random ones; the dashes are y = x.",
    )
    return Report({"leave-one-out, predicted and retrained changes": rows}, {"leave-one-out": figure})
