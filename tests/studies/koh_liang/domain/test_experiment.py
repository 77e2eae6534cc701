"""Domain mismatch: what is planted is what influence finds, and coefficients do not count as finding it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.koh_liang.domain.experiment import draw_hospital, plant_own, plant_titanic, score_query


def test_the_planted_children_come_first_by_far() -> None:
    case = draw_hospital(20_000, 0)
    assert case.X.shape == (20_000, 127) and int(case.X[:, case.feature].sum()) == 4
    assert sorted(case.y[case.group].tolist()) == [0, 1, 1, 1] and case.query[1].tolist() == [0]
    rows = score_query(case, 0)
    sizes = [abs(row["score"]) for row in rows]
    assert [row["planted"] for row in rows] == [True] * 4 + [False] * 6 and sizes[3] > 15 * sizes[4]
    signs = {int(row["row"]): row["score"] > 0 for row in rows[:4]}
    assert all(good == (int(case.y[key]) == 0) for key, good in signs.items()), "the child with the query's label is the proponent"


def test_titanic_keeps_four_children(data_folder: Path) -> None:
    case = plant_titanic(0, data_folder / "titanic.csv")
    young = case.X[:, case.feature] == 1
    assert torch.equal(young.nonzero()[:, 0], torch.from_numpy(case.group)) and sorted(case.y[young].tolist()) == [0, 0, 0, 1]
    assert case.query[0][0, case.feature] == 1 and case.query[1].tolist() == [1]


def test_the_rarest_group_of_a_persons_table_is_planted(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"town": ["a"] * 60 + ["b"] * 10, "x": random.normal(size=70).round(2), "y": ["no", "yes"] * 35})
    frame.to_csv(tmp_path / "t.csv", index=False)
    case = plant_own(KohLiang(tmp_path, data=tmp_path / "t.csv", target="y"))
    assert len(case.group) == 4 and len(case.X) == 64 and sorted(case.y[case.group].tolist()) == [0, 0, 0, 1]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_gives_the_same_rows(seed: int) -> None:
    one, two = draw_hospital(2000, seed), draw_hospital(2000, seed)
    assert torch.equal(one.X, two.X) and torch.equal(one.y, two.y)
