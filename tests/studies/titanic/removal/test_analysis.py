"""Cells, the band of the seeds and what is beyond a control, beside what is counted by hand; means stand under the names told beforehand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.models import BATCHES, LARGE, PAIR, NetworkSetting
from wherefrom_studies.titanic.removal.analysis import SMALL_SIZE, RemovalResults, analyse, count_cells, excess, number_names, seed_band
from wherefrom_studies.titanic.removal.experiment import COLUMNS, SIZES


def test_the_mean_over_seeds_stands_under_its_keys(removal_results: RemovalResults) -> None:
    left = removal_results.tables[LARGE]
    rows = left[(left["arm"] == "random") & (left["removed"] == 50)]
    for figure in COLUMNS:
        number = removal_results.numbers[f"{LARGE}/removal/random/50/{figure}"]
        assert number.estimate.value == pytest.approx(rows[figure].mean()) and number.seeds == (0, 1)


def test_what_the_first_few_change_is_a_mean_over_both_methods(removal_results: RemovalResults) -> None:
    left = removal_results.tables[LARGE]
    few = left[left["arm"].isin(PAIR) & left["removed"].isin([1, 5])]
    assert removal_results.numbers["contrast/accuracy after 1 or 5 left out"].estimate.value == pytest.approx(few["accuracy"].mean())


def test_the_numbers_of_a_form_are_those_it_names(removal_results: RemovalResults, tmp_path: Path) -> None:
    assert removal_results.numbers.keys() == number_names(Titanic(tmp_path, quick=True))
    table = removal_results.tables[LARGE]
    full = pd.concat([table[table["removed"] == 50].assign(removed=size) for size in SIZES])
    assert analyse({NetworkSetting(batch=batch).name: full for batch in BATCHES}).numbers.keys() == number_names(Titanic(tmp_path))


def test_cells_inside_the_band_are_count_cells() -> None:
    before = {0: 0.80, 1: 0.84}
    changes = {
        (PAIR[0], 1): (0.01, -0.01),
        (PAIR[0], 50): (0.09, 0.01),
        (PAIR[1], 5): (-0.05, -0.06),
        (PAIR[1], 200): (0.0, 0.0),
        ("random", 1): (0.0, 0.0),
    }
    table = pd.DataFrame([
        {"arm": arm, "removed": size, "seed": seed, "accuracy": change, "accuracy before": before[seed]}
        for (arm, size), each in changes.items() for seed, change in enumerate(each)
    ])  # fmt: skip
    assert seed_band(table, "accuracy") == pytest.approx(0.04) and SMALL_SIZE == 50
    values = {name: number.estimate.value for name, number in count_cells({"one": table, "two": table}).items()}
    assert values["removal/cells"] == 6 and values["removal/cells inside the seed band"] == 2
    assert values["removal/single runs inside the seed band"] == pytest.approx((1 + 0.5 + 0) / 3)


def test_the_band_is_that_of_all_pairs_of_seeds() -> None:
    before = [0.80, 0.82, 0.79, 0.90]
    table = pd.DataFrame([{"seed": seed, "arm": arm, "accuracy before": one} for seed, one in enumerate(before) for arm in ("a", "b")])
    pairs = [abs(a - b) for place, a in enumerate(before) for b in before[:place]]
    assert seed_band(table, "accuracy") == pytest.approx(np.quantile(pairs, 0.95))


def test_what_is_beyond_a_control_is_paired_by_seed() -> None:
    cells = [(seed, arm, size) for seed in (2, 0, 1) for arm in "ba" for size in (1, 5)]
    rows = [{"seed": seed, "arm": arm, "removed": size, "auc": size * seed * (2 if arm == "a" else 1)} for seed, arm, size in cells]
    assert excess(pd.DataFrame(rows), "a", "b", 5, "auc").tolist() == [0, 5, 10]
