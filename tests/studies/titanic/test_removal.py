"""Rows are left out by id; figures of logits, the band of the seeds and what is beyond a control are those written out."""

import numpy as np
import pandas as pd
import pytest
import torch

from wherefrom_studies.titanic.data import Case
from wherefrom_studies.titanic.models import METHODS, Setting, scored, trained
from wherefrom_studies.titanic.removal import COLUMNS, excess, figures, logit, of_seed, seed_band


def test_rows_left_out_are_counted_by_id(small: Case) -> None:
    rows = of_seed(small, Setting(()), 0, (1, 5))
    arms = {row["arm"] for row in rows}
    assert {"influence, last layer", "TracIn, last layer", "random"} <= arms and len(rows) == 2 * (2 * 2 + 1)
    assert len({row["accuracy before"] for row in rows}) == 1, "all arms share the seed's baseline"


def test_leaving_out_is_training_without_those_rows(small: Case) -> None:
    setting = Setting((), rate=1e-2)
    (row,) = [one for one in of_seed(small, setting, 0, (25,)) if one["arm"] == "TracIn, last layer"]
    run = trained(small, setting, 0)
    top = scored(run, METHODS["TracIn, last layer"], small.rows(small.validation), aggregate=True)[0].top(25).ids[0]
    y = small.y[small.test].numpy()
    before = figures(run.problem.outputs(small.X[small.test])[:, 0], y)
    less = run.problem.without(top)
    after = figures(less.at(setting.trainer()(less, 0).parameters).outputs(small.X[small.test])[:, 0], y)
    for name in COLUMNS:
        assert row[f"{name} before"] == pytest.approx(before[name]) and row[name] == pytest.approx(after[name] - before[name])


def test_figures_of_logits() -> None:
    logits, y = torch.tensor([-1.0, 2.0, 0.5, -0.5], dtype=torch.float64), np.array([0, 1, 0, 1])
    found = figures(logits, y)
    assert found["accuracy"] == 0.5 and found["auc"] == 0.75
    p = 1 / (1 + np.exp(-logits.numpy()))
    assert found["log loss"] == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    assert torch.equal(logit(logits[:, None], torch.from_numpy(y)), logits)


def test_the_band_is_that_of_all_pairs_of_seeds() -> None:
    before = [0.80, 0.82, 0.79, 0.90]
    table = pd.DataFrame([{"seed": seed, "arm": arm, "accuracy before": one} for seed, one in enumerate(before) for arm in ("a", "b")])
    pairs = [abs(a - b) for place, a in enumerate(before) for b in before[:place]]
    assert seed_band(table, "accuracy") == pytest.approx(np.quantile(pairs, 0.95))


def test_what_is_beyond_a_control_is_paired_by_seed() -> None:
    cells = [(seed, arm, size) for seed in (2, 0, 1) for arm in "ba" for size in (1, 5)]
    rows = [{"seed": seed, "arm": arm, "removed": size, "auc": size * seed * (2 if arm == "a" else 1)} for seed, arm, size in cells]
    assert excess(pd.DataFrame(rows), "a", "b", 5, "auc").tolist() == [0, 5, 10]
