"""Wrong labels found by a network: shares by brute force, and start and flips each move them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import wherefrom as wf
from wherefrom_studies.koh_liang.labels.experiment import L2, count_words
from wherefrom_studies.koh_liang.starts.labels.experiment import EPOCHS, HIDDEN, RATE, WORDS, find_flipped

MAILS = 300


@pytest.fixture(autouse=True)
def mails(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))


def test_the_loss_finds_what_it_finds_by_hand() -> None:
    data = count_words(True, MAILS)
    counts = data.X.toarray().sum(0)
    common = sorted(sorted(range(len(counts)), key=lambda word: -counts[word])[:WORDS])
    X, wrong = torch.from_numpy(data.X.toarray()[:, common]).float(), data.y.copy()
    flipped = np.random.default_rng(1).choice(240, 24, replace=False)
    wrong[flipped] = 1 - wrong[flipped]
    model = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1)).eval()
    problem = wf.Problem.of(model, wf.binary_cross_entropy(l2=L2), (X, torch.from_numpy(wrong)))
    problem = problem.at(wf.train.adam(EPOCHS, RATE, batch_size=64)(problem, 2).parameters)
    with torch.no_grad():
        losses = nn.functional.softplus(problem.outputs(X)[:, 0] * torch.from_numpy(1.0 - 2 * wrong).float())
    order = losses.argsort(descending=True).tolist()
    (row,) = [row for row in find_flipped(2, 1, MAILS) if row["ranking"] == "loss"]
    assert (row["start"], row["flips"]) == (2, 1)
    assert row["fixed at 10%"] == pytest.approx(len(set(order[:24]) & set(flipped.tolist())) / 24)
    assert row["fixed at 30%"] == pytest.approx(len(set(order[:72]) & set(flipped.tolist())) / 24)


def test_both_rankings_beat_chance_and_more_looked_at_is_more_found() -> None:
    rows = [*find_flipped(0, 0, MAILS), *find_flipped(1, 0, MAILS)]
    assert [row["ranking"] for row in rows] == ["influence", "loss"] * 2
    assert all(0.3 < row["fixed at 10%"] < row["fixed at 30%"] and row["accuracy"] > 0.75 for row in rows)
    assert rows[0] != {**rows[2], "start": 0} and rows[:2] == find_flipped(0, 0, MAILS), "a start differs from another and not from itself"
