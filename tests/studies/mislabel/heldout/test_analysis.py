"""The means of all held-out seeds are the numbers that the form names."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.mislabel import Mislabel
from wherefrom_studies.mislabel.heldout.analysis import COLUMNS, analyse, heldout_number, number_names


def test_the_numbers_are_means_under_the_names_of_the_form(tmp_path: Path) -> None:
    numbers = analyse(pd.DataFrame({"seed": [0, 1]} | {column: [0.5, 0.7] for column in COLUMNS})).numbers
    assert numbers.keys() == number_names(Mislabel(tmp_path, quick=True)) == number_names(Mislabel(tmp_path))
    loss = numbers[heldout_number("loss, AUC")]
    assert loss.estimate.value == pytest.approx(0.6) and loss.estimate.high == 1.0 and loss.seeds == (0, 1)
