"""Leads over the loss are taken seed by seed, and the numbers of a form are those that it names."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.mislabel import Mislabel
from wherefrom_studies.mislabel.flips import IMAGES
from wherefrom_studies.mislabel.inspection.analysis import ahead_of_loss, analyse, by_auc, mean_numbers, number_names
from wherefrom_studies.mislabel.rankings import RANDOM, RANKINGS


def test_a_lead_over_the_loss_is_taken_seed_by_seed(made_up: Callable[[dict[str, float]], pd.DataFrame]) -> None:
    table = made_up({"TracIn": 0.02})
    found = mean_numbers("t", table)
    lead, auc = found["t/TracIn/auc less the loss's"].estimate, found["t/TracIn/auc"].estimate
    by_seed = table.pivot(index="seed", columns="ranking", values="auc")
    assert lead.value == pytest.approx((by_seed["TracIn"] - by_seed["loss"]).mean()) and auc.value == pytest.approx(by_seed["TracIn"].mean())
    assert lead.low is not None and lead.high is not None and auc.low is not None and auc.high is not None
    assert lead.low > 0.015 and lead.high - lead.low < (auc.high - auc.low) / 10, "what seeds share is not in the difference"
    assert "t/loss/auc less the loss's" not in found and f"t/{RANDOM}/auc less the loss's" not in found
    assert found["t/TracIn/seconds"].estimate.value == list(RANKINGS).index("TracIn")


def test_the_best_is_first_and_what_has_no_interval_is_not_ahead(made_up: Callable[[dict[str, float]], pd.DataFrame]) -> None:
    numbers = mean_numbers("t", made_up({"TracIn": 0.02}))
    assert by_auc("t", numbers)[0] == "TracIn" and "TracIn" in ahead_of_loss("t", numbers)
    one = made_up({"TracIn": 0.02}).query("seed == 0")
    assert ahead_of_loss("t", mean_numbers("t", one)) == []


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(made_up: Callable[[dict[str, float]], pd.DataFrame], quick: bool, tmp_path: Path) -> None:
    assert analyse({data: made_up({}) for data in IMAGES}).numbers.keys() == number_names(Mislabel(tmp_path, quick))


def test_those_of_a_table_bear_its_name(made_up: Callable[[dict[str, float]], pd.DataFrame], table: Path, tmp_path: Path) -> None:
    assert analyse({"t": made_up({})}).numbers.keys() == number_names(Mislabel(tmp_path, data=table, target="y"))
