"""Every column of the defects is a number, under a name told beforehand."""

from pathlib import Path

import pytest

from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.defects.analysis import DEFECTS, DefectResults, number_names


def test_every_defect_is_a_mean_over_seeds(defect_results: DefectResults) -> None:
    table = defect_results.tables
    assert set(DEFECTS) == set(table.columns) - {"seed"}
    for column in DEFECTS:
        assert defect_results.numbers[f"defects/{column}"].estimate.value == pytest.approx(table[column].mean(), abs=1e-12)


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, defect_results: DefectResults, tmp_path: Path) -> None:
    assert defect_results.numbers.keys() == number_names(Titanic(tmp_path, quick))
