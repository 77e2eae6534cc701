"""The attack by start: a made-up table by hand, and the quick form flips most of the closest digits."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.starts.attack import LAST_LAYER
from wherefrom_studies.koh_liang.starts.attack.analysis import SHARE, analyse, number_names
from wherefrom_studies.koh_liang.starts.attack.experiment import StartRuns, size_of


@pytest.mark.parametrize("quick", [False, True])
def test_numbers_are_spreads_over_starts(quick: bool, tmp_path: Path) -> None:
    by, study = {0: (1, 1, 2, float("nan")), 1: (1, 2, 2, 2)}, KohLiang(tmp_path, quick)
    rows = [
        {"seed": seed, "accuracy": 0.9, "margin": float(place), "flipped by": changed, "gain": 4.0 - place, SHARE: 0.1 * place}
        for seed, each in by.items() for place, changed in enumerate(each)
    ]  # fmt: skip
    numbers = analyse(StartRuns(pd.DataFrame(rows), size_of(study)["count"])).numbers
    assert numbers.keys() == number_names(study)
    value = {name.removeprefix("starts/attack/"): number.estimate.value for name, number in numbers.items()}
    assert [value[f"flipped with 1{end}"] for end in ("", ", least", ", most")] == pytest.approx([0.375, 0.25, 0.5])
    assert value["flipped with 2"] == pytest.approx(0.875) and value["margin and gain"] == value[f"{SHARE} and gain"] == pytest.approx(-1)


def test_the_quick_form_flips_most(run_part: Callable[..., Findings]) -> None:
    found = run_part(LAST_LAYER, seeds=2)
    assert (found.value("starts/attack/flipped with 1") or 0) > 0.7 and found.tables["starts, attack on the last layer"]["gain"].min() > 0
