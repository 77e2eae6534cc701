"""What is shown of the held-out images: a table, and the bar."""

from wherefrom_studies.findings import Bar
from wherefrom_studies.mislabel.heldout.analysis import HeldoutResults, heldout_number
from wherefrom_studies.part import Report

BARS = (Bar(heldout_number("self-influence, AUC"), 0.99, source="Schioppa et al. 2022, by Arnoldi"),)


def compose(results: HeldoutResults) -> Report:
    """Return the table of all seeds."""
    return Report({"held-out images, each seed": results.each})
