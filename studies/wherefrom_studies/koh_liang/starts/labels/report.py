"""What is shown of labels found by a network."""

from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.part import Report


def compose(results: RowResults) -> Report:
    """Return the rows of each start, draw of flips and ranking."""
    return Report({"starts, labels found by a network": results.rows})
