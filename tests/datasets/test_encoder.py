from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from wherefrom import UsageError
from wherefrom.datasets import encode_target, fit_encoder, read_table

FRAME = pd.DataFrame({"age": [1.0, 2, 4, None, 50, 7], "sex": ["m", "f", "f", "m", "x", None], "y": ["b", "a"] * 3})


def test_by_hand() -> None:
    table = read_table(FRAME, "y")
    encoder = fit_encoder(table, np.arange(4))
    ages = np.array([1.0, 2, 4, 2])  # the median of 1, 2, 4 stands in
    assert encoder.features == ("age", "sex=f", "sex=m") and encoder.scales == {"age": pytest.approx(ages.std())}
    X = encoder.transform(table.frame)
    assert X.dtype == torch.float64 and X.shape == (6, 3)
    expected = (np.array([1, 2, 4, 2, 50, 7]) - ages.mean()) / ages.std()
    torch.testing.assert_close(X[:, 0], torch.from_numpy(expected))
    assert X[:, 1:].tolist() == [[0, 1], [1, 0], [1, 0], [0, 1], [0, 0], [0, 0]]  # x and missing were not seen


def test_only_the_given_rows_are_learnt_from() -> None:
    one = fit_encoder(read_table(FRAME, "y"), np.arange(4))
    other = fit_encoder(read_table(FRAME.assign(age=[1.0, 2, 4, None, -9, 99], sex=["m", "f", "f", "m", "u", "v"]), "y"), np.arange(4))
    assert one == one and (one.numbers, one.categories) == (other.numbers, other.categories)


def test_missing_is_a_category_where_it_was_seen() -> None:
    table = read_table(FRAME, "y")
    encoder = fit_encoder(table, np.arange(6))
    assert encoder.features == ("age", "sex=f", "sex=m", "sex=missing", "sex=x")
    assert encoder.transform(table.frame)[5, 1:].tolist() == [0, 0, 1, 0]
    assert (encoder.transform(table.frame)[:, 1:].sum(1) == 1).all()


def test_trained_columns_have_mean_0_and_spread_1() -> None:
    table = read_table(FRAME, "y")
    column = fit_encoder(table, np.arange(6)).transform(table.frame)[:, 0]
    assert abs(column.mean()) < 1e-12 and abs(column.std(unbiased=False) - 1) < 1e-12


@pytest.mark.parametrize("seen", [0.1, 0.0, 1e9 / 3, np.nan])
def test_a_column_that_says_nothing_in_training_is_not_blown_up(seen: float) -> None:
    table = read_table(pd.DataFrame({"x": [seen] * 10 + [5.0, 7.0], "z": [1, 2] * 6, "y": ["a", "b"] * 6}), "y")
    encoder = fit_encoder(table, np.arange(10))
    assert encoder.scales["x"] == 1
    X = encoder.transform(table.frame)
    assert (
        torch.isfinite(X).all()
        and torch.allclose(X[:10, 0], torch.zeros(10, dtype=torch.float64), atol=1e-6)
        and X[11, 0] - X[10, 0] == pytest.approx(2)
    )


def test_nullable_numbers() -> None:
    table = read_table(pd.DataFrame({"x": pd.array([1, None, 3, 4], dtype="Int64"), "y": ["a", "b"] * 2}), "y")
    assert torch.isfinite(fit_encoder(table, np.arange(4)).transform(table.frame)).all()


def test_no_rows() -> None:
    with pytest.raises(UsageError, match=r"There are no rows to learn the columns from; give at least one position."):
        fit_encoder(read_table(FRAME, "y"), np.arange(0))


def test_targets() -> None:
    table = read_table(FRAME, "y")
    y = encode_target(table, table.frame)
    assert y.dtype == torch.int64 and y.tolist() == [1, 0, 1, 0, 1, 0]
    measured = read_table(FRAME.assign(y=[0.5, 1, 2, 3, 4, 5]), "y")
    numbers = encode_target(measured, measured.frame)
    assert numbers.dtype == torch.float64 and numbers.tolist() == [0.5, 1, 2, 3, 4, 5]
    numbers += 1
    assert measured.frame["y"].iloc[0] == 0.5  # a copy


def test_titanic(data_folder: Path) -> None:
    table = read_table(data_folder / "titanic.csv", "Survived")
    encoder = fit_encoder(table, np.arange(0, 891, 2))
    names = ("Sex=female", "Sex=male", "Embarked=C", "Embarked=Q", "Embarked=S")
    assert encoder.features[:10] == ("Pclass", "Age", "SibSp", "Parch", "Fare", *names)
    X = encoder.transform(table.frame)
    assert X.shape == (891, len(encoder.features)) and torch.isfinite(X).all()
