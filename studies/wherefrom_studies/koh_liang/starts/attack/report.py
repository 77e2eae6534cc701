"""What is shown of the attack on a last layer."""

from wherefrom_studies.koh_liang.results import RowResults
from wherefrom_studies.part import Report


def compose(results: RowResults) -> Report:
    """Return the rows of each start and digit."""
    return Report({"starts, attack on the last layer": results.rows})
