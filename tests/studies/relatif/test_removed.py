"""What is left out is as many by every method, and DIVINE's curve begins at the plain top."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif.digits import SMALL
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM
from wherefrom_studies.relatif.removed import agreeing, points, retrained


@pytest.fixture(scope="module")
def rows(data_folder: Path) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHEREFROM_DATA", str(data_folder))
        return pd.DataFrame(retrained(0, SMALL, 20))


def test_as_many_are_left_out_by_every_method_and_influence_is_missed_most(rows: pd.DataFrame) -> None:
    methods = rows[rows["method"] != "curve"].set_index("method")
    assert list(methods.index) == [*METHODS, DIVINE, RANDOM] and methods["chosen"].map(lambda ids: len(set(ids))).eq(20).all()
    rise = methods["loss without"] - methods["loss"]
    assert methods["loss"].nunique() == 1 and rise[INFLUENCE] == rise.drop(RANDOM).max() > rise[RANDOM]


def test_the_curve_trades_influence_for_cover(rows: pd.DataFrame) -> None:
    curve = points(rows)
    assert np.all(np.diff(curve["influence"]) <= 1e-9) and curve["diversity"].iloc[-1] > 1 and curve["gamma"].min() > 0
    assert curve["influence"].iloc[0] == pytest.approx(1, abs=0.01)


def test_agreement_of_choices_by_counting() -> None:
    table = pd.DataFrame({"method": ["a", "a", "a", "curve"], "seed": [0, 1, 2, 0], "chosen": [[1, 2], [2, 3], [1, 2], None]})
    assert sorted(agreeing(table)["a"]) == [0.5, 0.5, 1.0]


def test_the_sentences_come_with_their_numbers(quick: Findings) -> None:
    change, over = (quick.value(f"removed/{INFLUENCE}/{what}") for what in ("change", "over random"))
    random = quick.value(f"removed/{RANDOM}/change")
    assert change is not None and over is not None and random is not None and over == pytest.approx(change - random)
    assert quick.value("removed/chosen again, chance") == pytest.approx(20 / SMALL.images)
