"""Turned labels among the first of each ranking, beside a count by hand of two prescribed rankings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wherefrom_studies import Cache
from wherefrom_studies.titanic.data import PLANTED, PassengerTable, flip_labels
from wherefrom_studies.titanic.models import MAIN
from wherefrom_studies.titanic.turned_labels import experiment
from wherefrom_studies.titanic.turned_labels.experiment import CHECKED, FIRST, HYBRID, LOSS, RANKINGS, TOPS, order_rows, turn_for_seed, turn_for_seeds


def test_every_ranking_has_every_length_and_the_loss_finds_turned_labels(small: PassengerTable) -> None:
    table = pd.DataFrame(turn_for_seed(small, 0))
    assert tuple(table["ranking"].unique()) == RANKINGS == (*MAIN, LOSS, HYBRID, CHECKED) and len(table) == 7 * len(TOPS)
    assert table["chance"].to_numpy() == pytest.approx(round(PLANTED * len(small.train)) / len(small.train))
    hits = table["found"] * table["first"]
    assert np.allclose(hits, hits.round()), "a share of so many rows"
    assert table[(table["ranking"] == LOSS) & (table["first"] == 10)]["found"].item() > 2 * table["chance"].iloc[0]


def test_both_combinations_are_those_counted_by_hand(small: PassengerTable, monkeypatch: pytest.MonkeyPatch) -> None:
    n, random = len(small.train), np.random.default_rng(0)
    given = {"TracIn": torch.from_numpy(random.permutation(n)), "InfluenceFunction": torch.from_numpy(random.permutation(n))}
    monkeypatch.setattr(experiment.wf, "self_influence", lambda method, problem, progress: given[type(method).__name__])
    found = {(row["ranking"], row["first"]): row["found"] for row in turn_for_seed(small, 0)}
    wrong = np.isin(small.ids[small.train], flip_labels(small, 0)[1])
    trace, influence = (sorted(range(n), key=lambda row, name=name: -int(given[name][row])) for name in given)
    handed_on = [row for row in influence if row in set(trace[:FIRST])]
    worse = sorted(range(n), key=lambda row: (max(trace.index(row), influence.index(row)), row))
    for top in TOPS:
        assert found["TracIn, last layer", top] == wrong[trace[:top]].mean()
        assert found[HYBRID, top] == wrong[handed_on[:top]].mean()
        assert found[CHECKED, top] == wrong[worse[:top]].mean()


def test_seeds_stand_one_below_the_other_and_are_kept(small: PassengerTable, tmp_path: Path) -> None:
    table = turn_for_seeds(small, (0, 1), Cache(tmp_path), {})
    assert table["seed"].value_counts().to_dict() == {0: 28, 1: 28} and len(list(tmp_path.iterdir())) == 2


def test_rows_stand_from_the_largest_score_down() -> None:
    assert order_rows(torch.tensor([0.5, 2.0, -1.0, 2.0])).tolist() == [1, 3, 0, 2], "ties in the order of the rows"
