"""Corrupted labels among held-out images are found; the CNN has the sizes that it says."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from wherefrom_studies import Cache
from wherefrom_studies.mislabel.heldout.analysis import COLUMNS
from wherefrom_studies.mislabel.heldout.experiment import FULL, SMALL, HeldoutSize, rank_seed, rank_seeds


@pytest.mark.parametrize(
    ("size", "count"), [(FULL, 32 * 9 + 32 + 64 * 288 + 64 + 256 * 3136 + 256 + 2570), (SMALL, 40 + 8 * 36 + 8 + 16 * 8 + 16 + 170)]
)
def test_the_network_has_two_convolutions_and_a_hidden_layer(size: HeldoutSize, count: int) -> None:
    model = size.build()
    assert sum(p.numel() for p in model.parameters()) == count and model(torch.zeros(2, 1, 28 // size.pool, 28 // size.pool)).shape == (2, 10)


def test_corrupted_labels_are_found_and_the_same_seed_finds_the_same(data_folder: Path) -> None:
    row = rank_seed(SMALL, 0)
    assert row["self-influence, AUC"] > 0.85 and row["loss, AUC"] > 0.9 and 0.5 < row["accuracy"] < 1
    assert row["self-influence, AP"] > 0.5 and row["loss, AP"] > 0.5, "by chance a fifth"
    assert rank_seed(SMALL, 0) == row


def test_a_network_that_has_learnt_nothing_finds_nothing(data_folder: Path) -> None:
    row = rank_seed(replace(SMALL, epochs=1, train=100), 0)
    assert row["accuracy"] < 0.4 and abs(row["loss, AUC"] - 0.5) < 0.2


def test_each_seed_is_kept(data_folder: Path, tmp_path: Path) -> None:
    size = replace(SMALL, epochs=2)
    table = rank_seeds((0, 1), size, Cache(tmp_path))
    assert table["seed"].tolist() == [0, 1] and len(list(tmp_path.iterdir())) == 2
    assert rank_seeds((0, 1), size, Cache(tmp_path)).equals(table)


def test_its_columns_are_those_of_the_analysis(data_folder: Path) -> None:
    assert tuple(rank_seed(replace(SMALL, epochs=1), 0)) == ("seed", *COLUMNS)
