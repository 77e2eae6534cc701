"""Held-out images, and grids that show for each method what that method ranks first."""

from pathlib import Path

import torch

import whence as wh
from whence.studies.mislabel.grids import METHODS, beside, explained, labels, stacked
from whence.studies.mislabel.heldout import SMALL, of_seed
from whence.studies.mislabel.rankings import trained
from whence.studies.mislabel.sets import images


def test_corrupted_held_out_labels_are_found(data_folder: Path) -> None:
    row = of_seed(SMALL, 0)
    assert row["self-influence, AUC"] > 0.85 and row["loss, AUC"] > 0.9 and 0 < row["accuracy"] < 1


def test_grids_show_each_methods_own_ends(data_folder: Path) -> None:
    net = trained(images("MNIST", 80, 300, 0), 0)
    figure = beside(net, 0).chart.to_dict()
    captions = {cell["text"] for cell in next(iter(figure["datasets"].values()))}
    assert set(METHODS) <= captions and "KNN-Shapley" in captions
    assert "taken for" in str(explained(net, 1).chart.to_dict())
    assert sum(name.endswith("*") for name in labels(net).values()) == 8


def test_lists_of_several_methods_stand_one_below_the_other() -> None:
    scores = [wh.Scores(torch.randn(1, 5), torch.zeros(1).numpy(), torch.arange(5).numpy(), "arbitrary", name) for name in "ab"]
    tops = {one.method: one.top(2) for one in scores}
    found = stacked(tops)
    assert found.query_ids.tolist() == ["a", "b"] and found.opponents is not None
    for place, one in enumerate(tops.values()):
        assert found.ids[place].tolist() == one.ids[0].tolist() and one.opponents is not None
        assert found.opponents.ids[place].tolist() == one.opponents.ids[0].tolist()
