"""Shares of turned labels are means over seeds, differences are taken seed by seed, and names are those told beforehand."""

from pathlib import Path

import pytest

from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.means import select
from wherefrom_studies.titanic.models import TRACIN
from wherefrom_studies.titanic.turned_labels.analysis import TurnedLabelResults, contrast_name, number_names
from wherefrom_studies.titanic.turned_labels.experiment import HYBRID, LOSS


def test_the_mean_over_seeds_stands_under_its_keys(turned_label_results: TurnedLabelResults) -> None:
    rows = select(turned_label_results.tables, ranking="loss", first=5)
    assert turned_label_results.numbers["turned labels/loss/5/found"].estimate.value == pytest.approx(rows["found"].mean())


def test_a_difference_is_that_of_the_two_rankings_named(turned_label_results: TurnedLabelResults) -> None:
    assert contrast_name(TRACIN, LOSS, 5) == "contrast/turned labels, TracIn less loss, first 5"
    shares = [select(turned_label_results.tables, ranking=ranking, first=10)["found"].mean() for ranking in (HYBRID, TRACIN)]
    assert turned_label_results.numbers[contrast_name(HYBRID, TRACIN, 10)].estimate.value == pytest.approx(shares[0] - shares[1])


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, turned_label_results: TurnedLabelResults, tmp_path: Path) -> None:
    assert turned_label_results.numbers.keys() == number_names(Titanic(tmp_path, quick))
