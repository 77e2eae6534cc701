"""The numbers of the losses are those that their form names, but for agreements that no query gives."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.relatif import RelatIFStudy
from wherefrom_studies.relatif.losses.analysis import BOUNDS, analyse, loss_number, number_names
from wherefrom_studies.relatif.losses.experiment import DECAYS, HINGE, LOSSES


def table() -> pd.DataFrame:
    return pd.DataFrame([
        {"seed": seed, "decay": decay, "loss": loss, **dict.fromkeys(BOUNDS, 0.5 + seed / 10)}
        for decay in DECAYS for seed in range(2) for loss in LOSSES
    ])  # fmt: skip


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, tmp_path: Path) -> None:
    assert analyse(table()).numbers.keys() == number_names(RelatIFStudy(tmp_path, quick))


def test_a_seed_whose_queries_have_no_gradient_is_not_in_the_agreement() -> None:
    rows = table()
    hinge = rows["loss"] == HINGE
    rows.loc[hinge & ((rows["seed"] == 1) | (rows["decay"] == 0)), "agreement with BCE"] = float("nan")
    numbers = analyse(rows).numbers
    assert numbers[loss_number(HINGE, "agreement with BCE")].seeds == (0,) and loss_number(HINGE, "agreement with BCE", 0.0) not in numbers
    assert numbers[loss_number(HINGE, "zero")].estimate.value == pytest.approx(0.55)
