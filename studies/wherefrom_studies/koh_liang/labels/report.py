"""What is shown of fixing labels: labels found and accuracy by the share of mails looked at."""

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.koh_liang.labels.analysis import LEAD, LabelResults
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import curves

BARS = tuple(
    Bar(f"labels/{form}/{name}", at_least=least, source=source)
    for form, fixed, later, accuracy in (("presence", 0.60, 0.90, 0.965), ("counts", 0.55, 0.87, 0.958))
    for name, least, source in (
        ("influence/fixed at 10 %", fixed, "the paper, lemmatised counts: 0.62"),
        ("influence/fixed at 30 %", later, "the paper: 0.856"),
        ("influence/accuracy at 30 %", accuracy, "the paper: 0.972"),
        (LEAD, 0.08, "the paper: 0.10"),
    )
)


def compose(results: LabelResults) -> Report:
    """Return the rows, their means and the two charts."""
    means, axes = results.means, {"panels": "words", "x_title": "mails looked at (%)", "width": 190}
    figures = {
        "labels fixed": Figure(
            curves(means[means["what"] == "fixed"], "checked", "mean", "ranking", y_title="share of the flipped labels found", **axes),
            "Enron1 with 10 % of the labels flipped: the share of them among the mails looked at first; means over seeds, 95 % intervals.",
        ),
        "labels accuracy": Figure(
            curves(means[means["what"] == "accuracy"], "checked", "mean", "ranking", y_title="test accuracy", **axes),
            "Test accuracy once the flipped labels among the mails looked at first are put right.",
        ),
    }
    return Report({"labels, each seed": results.rows, "labels, means over seeds": means}, figures)
