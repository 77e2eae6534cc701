"""Rows are left out by id; figures of logits are those written out."""

import numpy as np
import pytest
import torch

from wherefrom_studies.titanic.data import PassengerTable
from wherefrom_studies.titanic.models import METHODS, NetworkSetting, score, train_network
from wherefrom_studies.titanic.removal.experiment import COLUMNS, figures_of, logit, remove_for_seed


def test_rows_left_out_are_counted_by_id(small: PassengerTable) -> None:
    rows = remove_for_seed(small, NetworkSetting(()), 0, (1, 5))
    arms = {row["arm"] for row in rows}
    assert {"influence, last layer", "TracIn, last layer", "random"} <= arms and len(rows) == 2 * (2 * 2 + 1)
    assert len({row["accuracy before"] for row in rows}) == 1, "all arms share the seed's baseline"


def test_leaving_out_is_training_without_those_rows(small: PassengerTable) -> None:
    setting = NetworkSetting((), rate=1e-2)
    (row,) = [one for one in remove_for_seed(small, setting, 0, (25,)) if one["arm"] == "TracIn, last layer"]
    run = train_network(small, setting, 0)
    top = score(run, METHODS["TracIn, last layer"], small.rows(small.validation), aggregate=True)[0].top(25).ids[0]
    y = small.y[small.test].numpy()
    before = figures_of(run.problem.outputs(small.X[small.test])[:, 0], y)
    less = run.problem.without(top)
    after = figures_of(less.at(setting.trainer()(less, 0).parameters).outputs(small.X[small.test])[:, 0], y)
    for name in COLUMNS:
        assert row[f"{name} before"] == pytest.approx(before[name]) and row[name] == pytest.approx(after[name] - before[name])


def test_figures_of_logits() -> None:
    logits, y = torch.tensor([-1.0, 2.0, 0.5, -0.5], dtype=torch.float64), np.array([0, 1, 0, 1])
    found = figures_of(logits, y)
    assert found["accuracy"] == 0.5 and found["auc"] == 0.75
    p = 1 / (1 + np.exp(-logits.numpy()))
    assert found["log loss"] == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    assert torch.equal(logit(logits[:, None], torch.from_numpy(y)), logits)
