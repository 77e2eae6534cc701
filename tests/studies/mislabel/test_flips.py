"""Flipped labels are the ones flipped, each of the other classes as likely; networks have the layers that they say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import wherefrom as wf
from wherefrom_studies.mislabel.flips import FLIPPED, VALIDATION, FlippedData, draw_images, draw_rows, flip_labels


def test_a_tenth_of_the_labels_is_flipped_to_another_class(table: Path, data: FlippedData) -> None:
    clean = wf.datasets.read_table(str(table), "y")
    true = wf.datasets.encode_target(clean, clean.frame)
    train, held = wf.datasets.split(400, seed=0, stratify=true.numpy())
    assert ((data.y != true[train]).numpy() == data.flipped).all() and data.flipped.sum() == round(FLIPPED * len(train))
    assert (data.y_true == true[held]).all() and data.classes == ("high", "low", "mid")


def test_each_other_class_is_as_likely() -> None:
    y = torch.arange(4).repeat(10_000)
    clean = FlippedData("made up", y[:, None].float(), y, np.zeros(len(y), bool), y[:1, None].float(), y[:1], tuple("abcd"))
    found = flip_labels(clean, np.random.default_rng(0))
    counts = np.zeros((4, 4))
    np.add.at(counts, (y[found.flipped].numpy(), found.y[found.flipped].numpy()), 1)
    assert counts.sum() == 4000 and (counts.diagonal() == 0).all()
    expected = (1 - np.eye(4)) * counts.sum(1, keepdims=True) / 3
    assert np.abs(counts - expected).max() < 4 * np.sqrt(expected.max()), "four standard deviations"
    assert (y == clean.y).all() and not clean.flipped.any(), "what was given stays as it was"


@pytest.mark.parametrize(
    ("shape", "last", "size"),
    [
        ((6,), "4.*", 6 * 32 + 32 + 32 * 16 + 16 + 16 * 3 + 3),
        ((1, 28, 28), "9.*", 16 * 9 + 16 + 32 * 144 + 32 + 32 * 49 * 64 + 64 + 64 * 3 + 3),
        ((3, 32, 32), "9.*", 16 * 27 + 16 + 32 * 144 + 32 + 32 * 64 * 64 + 64 + 64 * 3 + 3),
    ],
)
def test_networks_of_rows_and_of_images(shape: tuple[int, ...], last: str, size: int) -> None:
    X, y = torch.zeros(2, *shape), torch.zeros(2).long()
    one = FlippedData("made up", X, y, np.zeros(2, bool), X, y, tuple("abc"))
    model = one.build()
    assert one.last_layer == last and sum(p.numel() for p in model.parameters()) == size and model(X).shape == (2, 3)
    assert {name for name, _ in model.named_parameters() if name.startswith(last[:-1])} == {last.replace("*", part) for part in ("weight", "bias")}


@pytest.mark.parametrize("name", ["MNIST", "CIFAR-10"])
def test_images_are_drawn_with_their_flips(name: str, data_folder: Path) -> None:
    one = draw_images(name, 50, 300, 0)
    assert one.X.shape[0] == 50 and one.flipped.sum() == 5 and len(one.y_true) == VALIDATION and one.build()(one.X[:2]).shape == (2, 10)
    again, other = draw_images(name, 50, 300, 0), draw_images(name, 50, 300, 1)
    assert torch.equal(one.X, again.X) and torch.equal(one.y, again.y) and not torch.equal(one.X, other.X)


def test_tables_that_cannot_be_asked_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": np.arange(60.0) ** 2, "y": ["a", "b"] * 30, "z": np.arange(60) / 7}).to_csv(path, index=False)
    with pytest.raises(wf.UsageError, match="60 rows are too few"):
        draw_rows(path, "y", 0)
    with pytest.raises(wf.UsageError, match="The target z is a number"):
        draw_rows(path, "z", 0)
