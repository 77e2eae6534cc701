"""The attack by numbers: shares, gains and intervals of a made-up table by hand, and the attack beats random signs on real digits."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.attack import ATTACK
from wherefrom_studies.koh_liang.attack.analysis import PUBLISHED, counts_of, draw_means, flipped_shares, number_names
from wherefrom_studies.koh_liang.attack.experiment import CLOSEST, DRAWN, size_of
from wherefrom_studies.koh_liang.flipping import TOP

NEVER = float("nan")


@pytest.fixture
def table() -> pd.DataFrame:
    """Two draws of the training images, four digits of each kind."""
    by = {0: (1, 2, 4, NEVER), 1: (1, 1, 1, 2)}
    rows = []
    for seed, place in product(by, range(4)):
        row = {"l2": 0.001, "seed": seed, "accuracy": 0.9 + 0.05 * seed, "margin": float(place), "random gain": (-1) ** place * 0.5}
        row[f"top {TOP} share"] = 0.1 * place + 0.2 * seed
        near = {"kind": CLOSEST, "gain": 8.0 - 2 * place, "flipped by": by[seed][place], "flipped by random signs": 2 if place == 0 else NEVER}
        other = {"kind": DRAWN, "gain": 1.0 + place, "flipped by": 1 if place == seed else NEVER, "flipped by random signs": NEVER}
        rows += [{**row, **near}, {**row, **other}]
    return pd.DataFrame(rows)


def test_numbers_are_means_over_draws(table: pd.DataFrame) -> None:
    found = {name.removeprefix("a/"): number for name, number in draw_means("a", table, [1, 2, 5], 2).items()}
    values = {name: number.estimate.value for name, number in found.items()}
    shares = {1: (0.25 + 0.75) / 2, 2: (0.5 + 1) / 2, 5: (0.75 + 1) / 2}
    assert {count: values[f"flipped with {count}"] for count in shares} == pytest.approx(shares)
    assert values["flipped by random signs with 1"] == 0 and values["flipped by random signs with 2"] == pytest.approx(0.25)
    assert "flipped by random signs with 5" not in values, "the control goes no further than the attack to the end"
    assert values["times random"] == pytest.approx(5 / 0.5) and values["accuracy"] == pytest.approx(0.925)
    assert values[f"top {TOP} share"] == pytest.approx(0.25)
    assert values[f"{CLOSEST}/margin and gain"] == pytest.approx(-1) and values[f"{DRAWN}/margin and gain"] == pytest.approx(1)
    assert values[f"{DRAWN}/flipped with 1"] == pytest.approx(0.25)
    assert found["flipped with 2"].original == PUBLISHED[2] and found["flipped with 5"].original is None and found["accuracy"].seeds == (0, 1)


def test_lines_start_at_none_and_rise(table: pd.DataFrame) -> None:
    drawn = flipped_shares(table, 2, 5).set_index(["arm", "changed"])["flipped"]
    assert drawn["l2 0.001"].tolist() == pytest.approx([0, 0.5, 0.75, 0.75, 0.875, 0.875])
    assert drawn["l2 0.001, random signs"].tolist() == pytest.approx([0, 0, 0.25])


def test_the_attack_flips_what_random_signs_do_not(run_part: Callable[..., Findings]) -> None:
    found = run_part(ATTACK, seeds=1)
    (table,) = found.tables.values()
    near, others = (table[table["kind"] == kind] for kind in (CLOSEST, DRAWN))
    assert (near["flipped by"] <= near["flipped by random signs"].fillna(np.inf)).all() and near["margin"].max() < others["margin"].min()
    assert (table["gain"] > table["random gain"].abs()).all() and table["accuracy"].between(0.9, 1).all()
    for decay in ("0.001", "0.01"):
        assert (found.value(f"attack/{decay}/times random") or 0) > 4
        for count in (1, 2):
            aimed, control = (found.value(f"attack/{decay}/flipped {how} {count}") for how in ("with", "by random signs with"))
            assert aimed is not None and control is not None and aimed > control
    leaning, spread = (found.value(f"attack/{decay}/top {TOP} share") or 0 for decay in ("0.001", "0.01"))
    assert leaning > spread > TOP / 200


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, table: pd.DataFrame, tmp_path: Path) -> None:
    size = size_of(KohLiang(tmp_path, quick))
    numbers = draw_means("attack/0.01", table, counts_of(size.most), size.few).keys() | draw_means(
        "attack/0.001", table, counts_of(size.most), size.few
    )
    assert set(numbers) == number_names(KohLiang(tmp_path, quick))
