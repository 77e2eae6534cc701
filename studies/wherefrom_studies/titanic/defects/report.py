"""What is shown of the defects, which is said in sentences alone, and the bars of those whose outcome is known."""

from wherefrom_studies.findings import Bar
from wherefrom_studies.part import Report
from wherefrom_studies.titanic.defects.analysis import DefectResults, defect_name

BARS = (
    Bar(defect_name("copies: r with gradient dot"), at_least=0.999999, source="eleven copies of one network"),
    Bar(defect_name("positional: rows meant"), at_most=0.01, source="the original's code: 0.0014 to 0.0018"),
)


def compose(results: DefectResults) -> Report:
    """Return a report without tables or figures."""
    return Report()
