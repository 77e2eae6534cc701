import numpy as np
import pytest
import torch

from wherefrom import UsageError
from wherefrom.datasets import split, split_three


@pytest.mark.parametrize("n", [2, 3, 10, 101])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("classes", [None, 1, 3])
def test_each_row_once_and_sorted(n: int, fraction: float, classes: int | None) -> None:
    stratify = None if classes is None else np.concatenate([np.zeros(2, int), np.arange(n - 2) % classes])
    train, held = split(n, seed=3, fraction=fraction, stratify=stratify)
    assert np.array_equal(np.sort(np.concatenate([train, held])), np.arange(n)) and len(train) and len(held)
    assert (np.diff(train) > 0).all() and (np.diff(held) > 0).all()
    if stratify is None:
        assert len(held) == min(n - 1, max(1, round(fraction * n)))
    else:
        assert set(stratify[train]) == set(stratify)


def test_titanic_sizes() -> None:
    train, held = split(889, seed=0)
    assert (len(train), len(held)) == (711, 178)


def test_classes_are_held_out_alike() -> None:
    y = np.repeat([0, 1, 2], [100, 30, 10])
    for seed in range(20):
        assert np.abs(np.bincount(y[split(140, seed=seed, stratify=y)[1]], minlength=3) - [20, 6, 2]).max() <= 1


@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_one_row_trains(seed: int) -> None:
    y = np.array(["a"] * 6 + ["once"] + ["b"] * 2 + ["other"])
    train, held = split(10, seed=seed, fraction=0.5, stratify=y)
    assert set(y[train]) == set(y) and len(held) >= 2


def test_the_seed_decides_and_nothing_else_is_touched() -> None:
    y = np.arange(50) % 2
    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[union-attr]
    one, again, other = (split(50, seed=seed, stratify=y)[1] for seed in (1, 1, 2))
    assert one.tolist() == again.tolist() != other.tolist()
    assert before == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[union-attr]
    assert one.tolist() == split(50, seed=1, stratify=torch.from_numpy(y))[1].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "1 row cannot be split; give at least 2."),
        ({"n": 0}, "0 rows cannot be split; give at least 2."),
        ({"n": 9, "fraction": 0}, "fraction=0 holds out none or all; give a number between 0 and 1."),
        ({"n": 9, "fraction": 1.0}, "fraction=1.0 holds out none or all"),
        ({"n": 9, "stratify": [0, 1]}, "stratify holds 2 classes for 9 rows; give one for each row."),
        ({"n": 3, "stratify": [0, 1, 2]}, "Every class has one row only, so none can be held out; give more rows."),
    ],
)
def test_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split(**options, seed=0)  # type: ignore[arg-type]


def test_three_parts_share_no_row_and_keep_every_class() -> None:
    classes = np.arange(100) % 4
    parts = split_three(100, seed=1, stratify=classes)
    assert [len(part) for part in parts] == [60, 20, 20] and sorted(np.concatenate(parts).tolist()) == list(range(100))
    assert all(np.bincount(classes[part]).tolist() == [len(part) // 4] * 4 for part in parts)
    assert all(np.array_equal(a, b) for a, b in zip(parts, split_three(100, seed=1, stratify=classes), strict=True))
    for validation, test in ((0.0, 0.2), (0.5, 0.5), (0.2, -0.1)):
        with pytest.raises(UsageError, match="shares above 0"):
            split_three(100, seed=0, validation=validation, test=test)
