"""Flipped labels are the ones flipped, every ranking says something finite, and those that should find them do, on a table of one's own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import whence as wh
from whence.studies.mislabel import Mislabel
from whence.studies.mislabel.looking import POINTS, curves, of_seed
from whence.studies.mislabel.rankings import RANKINGS, suspects, trained
from whence.studies.mislabel.sets import FLIPPED, Labelled, images, rows


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random, path = np.random.default_rng(0), tmp_path_factory.mktemp("table") / "t.csv"
    X = random.normal(size=(400, 6))
    frame = pd.DataFrame(X.round(3), columns=[f"x{place}" for place in range(6)])
    frame["y"] = np.where(X[:, 0] + X[:, 1] > 0.4, "high", np.where(X[:, 2] > 0, "mid", "low"))
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def data(table: Path) -> Labelled:
    return rows(table, "y", 0)


def test_a_tenth_of_the_labels_is_flipped_to_another_class(table: Path, data: Labelled) -> None:
    clean = wh.datasets.read_table(str(table), "y")
    train, held = wh.datasets.split(400, seed=0, stratify=wh.datasets.encode_target(clean, clean.frame).numpy())
    true = wh.datasets.encode_target(clean, clean.frame)[train]
    assert ((data.y != true).numpy() == data.flipped).all() and data.flipped.sum() == round(FLIPPED * len(train))
    assert len(data.y_true) == len(held) and data.last == "4.*"


def test_rankings_that_should_find_flipped_labels_do(data: Labelled) -> None:
    found = {row["ranking"]: row for row in of_seed(data, 0)}
    assert found.keys() == RANKINGS.keys()
    for name in ("influence, EK-FAC", "influence, exact, last layer", "TracIn", "KNN-Shapley", "representer points, L2", "loss", "mean loss"):
        assert found[name]["auc"] > 0.75, name
    assert abs(found["random"]["auc"] - 0.5) < 0.2
    for row in found.values():
        curve = np.array(row["curve"])
        assert len(curve) == POINTS and curve[0] == 0 and curve[-1] == 1 and (np.diff(curve) >= 0).all()
    frame = curves(pd.DataFrame(list(found.values())), "p", ["loss"])
    assert frame["value"].iloc[-1] == 1.0 and frame["looked"].iloc[-1] == 100.0


def test_the_same_seed_ranks_alike(data: Labelled) -> None:
    one, two = (suspects(trained(data, 3), "influence, K-FAC")[0] for _ in range(2))
    assert (one == two).all()


def test_a_table_of_ones_own_is_studied_whole(table: Path, tmp_path: Path) -> None:
    found = Mislabel(tmp_path, quick=True, seeds=2, data=table, target="y").run()
    assert (found.value("t/loss/auc") or 0) > 0.75 and set(found.figures) == {"gains", "auc", "cost"} and not found.bars


def test_tables_that_cannot_be_asked_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": np.arange(60.0) ** 2, "y": ["a", "b"] * 30}).to_csv(path, index=False)
    with pytest.raises(wh.UsageError, match="too few"):
        Mislabel(tmp_path, data=path, target="y")
    with pytest.raises(wh.UsageError, match="needs --target"):
        Mislabel(tmp_path, data=path)


@pytest.mark.parametrize("name", ["MNIST", "CIFAR-10"])
def test_images_are_drawn_with_their_flips(name: str, data_folder: Path) -> None:
    one = images(name, 50, 300, 0)
    assert one.X.shape[0] == 50 and one.flipped.sum() == 5 and len(one.y_true) == 500 and one.network()(one.X[:2]).shape == (2, 10)
