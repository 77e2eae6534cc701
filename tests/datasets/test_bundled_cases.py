"""Data that come with scikit-learn: names, types and ids."""

import numpy as np
import pytest
import torch

from wherefrom import UsageError
from wherefrom.datasets import Images, Table, bundled


@pytest.mark.parametrize(
    ("name", "target", "rows", "task"),
    [
        ("breast_cancer", "diagnosis", 569, "classification"),
        ("wine", "cultivar", 178, "classification"),
        ("iris", "species", 150, "classification"),
        ("diabetes", "progression", 442, "regression"),
    ],
)
def test_tables(name: str, target: str, rows: int, task: str) -> None:
    table = bundled(name)
    assert isinstance(table, Table) and (table.name, table.target, table.task) == (name, target, task)
    assert table.ids.tolist() == list(range(rows)) and target in table.frame and all(column.kind == "number" for column in table.columns)


def test_digits() -> None:
    digits = bundled("digits")
    assert isinstance(digits, Images) and digits.X.dtype == torch.float32 and digits.y.dtype == torch.int64
    assert digits.ids.dtype == np.int64 and digits.ids.tolist() == list(range(1797)) and digits.X.min() == 0


def test_unknown() -> None:
    with pytest.raises(
        UsageError, match=r"No data called 'boston' come with scikit-learn here.* Choose one of digits, breast_cancer, wine, iris, diabetes."
    ):
        bundled("boston")
