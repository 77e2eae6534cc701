"""Data that come with scikit-learn."""

import pytest

import wherefrom as wf
from wherefrom.datasets import Images, Table, bundled


@pytest.mark.parametrize(
    ("name", "classes", "columns"), [("breast_cancer", ("benign", "malignant"), 30), ("wine", 3, 13), ("iris", 3, 4), ("diabetes", (), 10)]
)
def test_tables(name: str, classes: object, columns: int) -> None:
    table = bundled(name)
    assert isinstance(table, Table) and len(table.columns) == columns and not table.notes
    assert table.classes == classes or len(table.classes) == classes


def test_digits() -> None:
    digits = bundled("digits")
    assert isinstance(digits, Images) and digits.X.shape == (1797, 1, 8, 8) and digits.X.max() == 1 and digits.classes[3] == "3"


def test_unknown_names_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="Did you mean 'iris'"):
        bundled("irs")
