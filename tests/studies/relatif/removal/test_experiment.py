"""What is left out is as many by every method."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM
from wherefrom_studies.relatif.removal.experiment import retrain_seed
from wherefrom_studies.relatif.softmax import SMALL


@pytest.fixture(scope="module")
def rows(data_folder: Path) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHEREFROM_DATA", str(data_folder))
        return pd.DataFrame(retrain_seed(0, SMALL, 20))


def test_as_many_are_left_out_by_every_method_and_influence_is_missed_most(rows: pd.DataFrame) -> None:
    methods = rows[rows["method"] != "curve"].set_index("method")
    assert list(methods.index) == [*METHODS, DIVINE, RANDOM] and methods["chosen"].map(lambda ids: len(set(ids))).eq(20).all()
    rise = methods["loss without"] - methods["loss"]
    assert methods["loss"].nunique() == 1 and rise[INFLUENCE] == rise.drop(RANDOM).max() > rise[RANDOM]
