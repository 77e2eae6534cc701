"""The chart has each change and method, the change that leaves most first."""

from wherefrom_studies.titanic.models import MAIN
from wherefrom_studies.titanic.variation.analysis import VariationResults
from wherefrom_studies.titanic.variation.report import changes, compose


def test_changes_stand_by_what_they_leave(variation_results: VariationResults) -> None:
    frame = changes(variation_results.tables)
    left = frame.groupby("change", sort=False)["value"].mean()
    assert left.tolist() == sorted(left, reverse=True) and len(frame) == len(MAIN) * variation_results.tables["change"].nunique()
    charts = compose(variation_results).figures
    assert set(charts) == {"stability"} and len(charts["stability"].caption) > 40
