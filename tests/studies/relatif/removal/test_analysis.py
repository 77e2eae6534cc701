"""DIVINE's curve begins at the plain top, choices agree as counted, and the numbers are those that the form names."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif import RelatIFStudy
from wherefrom_studies.relatif.lists import INFLUENCE, RANDOM
from wherefrom_studies.relatif.removal.analysis import analyse, curve_points, number_names, shared_choices
from wherefrom_studies.relatif.removal.experiment import RemovalTable, retrain_seed
from wherefrom_studies.relatif.softmax import SMALL


@pytest.fixture(scope="module")
def rows(data_folder: Path) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHEREFROM_DATA", str(data_folder))
        return pd.DataFrame(retrain_seed(0, SMALL, 20))


def test_the_curve_trades_influence_for_cover(rows: pd.DataFrame) -> None:
    curve = curve_points(rows)
    assert np.all(np.diff(curve["influence"]) <= 1e-9) and curve["diversity"].iloc[-1] > 1 and curve["gamma"].min() > 0
    assert curve["influence"].iloc[0] == pytest.approx(1, abs=0.01)


def test_agreement_of_choices_by_counting() -> None:
    table = pd.DataFrame({"method": ["a", "a", "a", "curve"], "seed": [0, 1, 2, 0], "chosen": [[1, 2], [2, 3], [1, 2], None]})
    assert sorted(shared_choices(table)["a"]) == [0.5, 0.5, 1.0]


def test_the_sentences_come_with_their_numbers(quick: Findings) -> None:
    change, over = (quick.value(f"removed/{INFLUENCE}/{what}") for what in ("change", "over random"))
    random = quick.value(f"removed/{RANDOM}/change")
    assert change is not None and over is not None and random is not None and over == pytest.approx(change - random)
    assert quick.value("removed/chosen again, chance") == pytest.approx(20 / SMALL.images)


@pytest.mark.parametrize("is_quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(is_quick: bool, rows: pd.DataFrame, tmp_path: Path) -> None:
    assert analyse(RemovalTable(20, SMALL.images, rows)).numbers.keys() == number_names(RelatIFStudy(tmp_path, is_quick))
