"""What a change leaves is a mean over seeds, under a name told beforehand."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.means import select
from wherefrom_studies.titanic.models import PAIR, TRACIN
from wherefrom_studies.titanic.variation.analysis import NEXT_SEED, VariationResults, analyse, number_names
from wherefrom_studies.titanic.variation.experiment import CHANGES, SEED


def test_the_mean_over_seeds_stands_under_its_keys(variation_results: VariationResults) -> None:
    rows = select(variation_results.tables, change="one hidden layer", method=PAIR[0])
    assert variation_results.numbers[f"varied/one hidden layer/{PAIR[0]}/kendall"].estimate.value == pytest.approx(rows["kendall"].mean())


def test_what_repeats_better_is_told_seed_by_seed(variation_results: VariationResults) -> None:
    tau = {method: select(variation_results.tables, change=SEED, method=method).set_index("seed")["kendall"] for method in PAIR}
    assert variation_results.numbers[NEXT_SEED].estimate.value == pytest.approx((tau[TRACIN] - tau[PAIR[0]]).mean())


def test_the_numbers_of_a_form_are_those_it_names(variation_results: VariationResults, tmp_path: Path) -> None:
    assert variation_results.numbers.keys() == number_names(Titanic(tmp_path, quick=True))
    table = variation_results.tables
    more = [table, *(select(table, change=CHANGES[0]).assign(change=change) for change in CHANGES[1:])]
    assert analyse(pd.concat(more)).numbers.keys() == number_names(Titanic(tmp_path))
