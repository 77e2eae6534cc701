"""The quick form on numbers: chance is chance, ceilings hold, defects are what they are called, and every sentence has its number."""

from pathlib import Path

import numpy as np
import pytest

from whence.estimate import Estimate
from whence.studies import Found, Number
from whence.studies.titanic import Titanic, numbers, verdicts
from whence.studies.titanic.data import case
from whence.studies.titanic.defects import positional
from whence.studies.titanic.falling import grid
from whence.studies.titanic.models import Setting
from whence.studies.titanic.removal import of_seed


@pytest.fixture(scope="module")
def found(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return Titanic(tmp_path_factory.mktemp("titanic"), quick=True, seeds=2).run()


def test_what_is_known_beforehand_comes_out(found: Found) -> None:
    value = found.value
    assert abs(value("MLP, batches of 32/agreement/influence, last layer and random/kendall") or 1) < 0.02
    assert abs(value("MLP, batches of 32/stability/random/nogueira") or 1) < 0.05
    assert value("defects/copies: r with gradient dot") == pytest.approx(1.0, abs=1e-9)
    assert value("defects/k = n: Jaccard of random lists") == 1.0
    assert 0.0 <= (value("defects/positional: rows meant") or 0) < 0.01
    assert 0.7 < (value("MLP, batches of 32/accuracy") or 0) < 0.9


def test_methods_disagree_beyond_their_own_noise_and_damping_steadies(found: Found) -> None:
    pair = found.numbers["MLP, batches of 32/agreement/influence, last layer and TracIn, last layer/kendall"].estimate
    assert pair.value is not None and pair.ceiling is not None and 0.2 < pair.value < pair.ceiling
    steady = [found.value(f"MLP, batches of 32/stability/influence, last layer{name}/kendall") or 0 for name in ("", ", undamped")]
    assert steady[0] > steady[1] + 0.1


def test_every_claim_row_and_recommendation_has_a_verdict_with_numbers(found: Found) -> None:
    table = found.tables["Verdicts"]
    assert table["kind"].value_counts().to_dict() == {"claim": 5, "recommendation": 5, "trade-off": 4}
    assert table["evidence"].str.contains(r"\d").all() and not table["evidence"].str.contains("{", regex=False).any()
    assert len(found.told()) == 14 + 7 + 4


def test_rows_left_out_are_counted_by_id(data_folder: Path) -> None:
    rows = of_seed(case(), Setting(()), 0, (1, 5))
    arms = {row["arm"] for row in rows}
    assert {"influence, last layer", "TracIn, last layer", "random"} <= arms and len(rows) == 2 * (2 * 2 + 1)
    assert len({row["accuracy before"] for row in rows}) == 1, "all arms share the seed's baseline"


def test_positional_deletion_misses_what_was_meant(data_folder: Path) -> None:
    found = [positional(case(), seed) for seed in range(50)]
    meant = np.mean([one["positional: rows meant"] for one in found])
    assert meant == pytest.approx(1 / 889, abs=1e-3) and np.mean([one["positional: left of all"] for one in found]) == pytest.approx(142, abs=3)


@pytest.mark.parametrize(("low", "high", "side"), [(0.1, 0.3, 1), (-0.3, -0.1, -1), (-0.1, 0.1, 0), (None, None, 0)])
def test_a_verdict_follows_the_interval(low: float | None, high: float | None, side: int) -> None:
    number = Number(Estimate("x", 0.2, low, high, 0.95, 20))
    assert verdicts.above(number) == side and verdicts.told(number, "up", "down", "none") == {1: "up", -1: "down", 0: "none"}[side]


def test_intervals_of_shares_stay_shares(found: Found) -> None:
    for name, number in found.numbers.items():
        column = name.split("/")[-1]
        if column in numbers.BOUNDS and number.estimate.low is not None:
            assert number.estimate.low >= numbers.BOUNDS[column][0], name


def test_ranks_of_the_grid_ascend_from_1_to_n() -> None:
    ranks = grid(711)
    assert ranks[0] == 1 and ranks[-1] == 711 and (np.diff(ranks) > 0).all()
