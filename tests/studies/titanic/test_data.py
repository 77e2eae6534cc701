"""The passengers: two without a port are left out, 711 to learn from; a table of one's own is refused before any work where it cannot be asked."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import wherefrom as wf
from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.data import flip_labels, read_passengers


def test_rows_ids_and_splits_are_those_of_the_original(data_folder: Path) -> None:
    one = read_passengers()
    assert (len(one.y), len(one.train), len(one.validation), len(one.test)) == (889, 711, 89, 89)
    assert len(np.unique(np.concatenate([one.train, one.validation, one.test]))) == 889
    assert one.descriptions[0].startswith("PassengerId 1: ") and 61 not in one.ids and 829 not in one.ids, "the two without a port"


def test_turned_labels_are_those_named(data_folder: Path) -> None:
    one = read_passengers()
    noisy, wrong = flip_labels(one, 0)
    changed = one.ids[(one.y != noisy.y).numpy()]
    assert sorted(changed.tolist()) == sorted(wrong.tolist()) and len(wrong) == 36 and set(wrong.tolist()) <= set(one.ids[one.train].tolist())


def own_table(path: Path, rows: int, classes: int = 2) -> Path:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"town": random.choice(["a", "b"], rows), "x": random.normal(size=rows).round(3)})
    frame["y"] = [f"c{place % classes}" for place in range(rows)]
    frame.to_csv(path, index=False)
    return path


def test_a_persons_table_takes_the_place_of_the_passengers(tmp_path: Path) -> None:
    one = read_passengers(own_table(tmp_path / "t.csv", 400), "y")
    assert len(one.train) == 320 and one.descriptions[3].startswith("3: town ")


@pytest.mark.parametrize(("rows", "classes", "sentence"), [(100, 2, "too few"), (400, 3, "has 3 classes")])
def test_tables_that_cannot_be_asked_are_refused(rows: int, classes: int, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match=sentence):
        Titanic(tmp_path, data=own_table(tmp_path / "t.csv", rows, classes), target="y")


def test_one_seed_and_no_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="shows no stability"):
        Titanic(tmp_path, seeds=1)
    with pytest.raises(wf.UsageError, match="needs --target"):
        Titanic(tmp_path, data=own_table(tmp_path / "t.csv", 400))
