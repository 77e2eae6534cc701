"""The defects are said in sentences alone; bars are about those whose outcome is known."""

from wherefrom_studies.titanic.defects.analysis import DefectResults
from wherefrom_studies.titanic.defects.report import BARS, compose


def test_nothing_is_drawn_and_each_bar_has_its_number(defect_results: DefectResults) -> None:
    report = compose(defect_results)
    assert not report.tables and not report.figures
    assert {bar.number for bar in BARS} <= defect_results.numbers.keys()
