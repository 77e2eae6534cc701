"""What is shown of the networks with convolutions: one digit's changes, predicted against retrained."""

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.koh_liang.cnn.analysis import CnnResults
from wherefrom_studies.koh_liang.cnn.experiment import EXACT, FIRST, FORMS
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import against

BARS = (Bar(f"cnn/{FIRST:g}/{EXACT}/pearson", at_least=0.88, source="the paper: 0.86"),)


def compose(results: CnnResults) -> Report:
    """Return the rows, and the figure of the first seed's digit of highest loss."""
    rows = results.changes.rows
    shown = rows[(rows["decay"] == FIRST) & (rows["why not"] == "")]
    shown = shown[(shown["seed"] == shown["seed"].iloc[0]) & (shown["query"] == shown["query"].iloc[0])]
    long = shown.melt(["kind", "actual"], list(FORMS), "form", "predicted")
    figure = Figure(
        against(long, panels="form", series="kind", unit="loss change", columns=3, size=170),
        f"Two convolutions with tanh on {results.changes.images} digits, weight decay {FIRST:g}, the digit of highest loss: changes predicted for "
        "leaving one image out, against retraining; the dashes are y = x.",
    )
    return Report({"cnn, predicted and retrained changes": rows}, {"cnn": figure})
