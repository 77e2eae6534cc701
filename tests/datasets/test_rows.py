from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom import UsageError
from wherefrom.datasets import Table, encode_target, fit_encoder, read_rows, read_table

CLASSED = pd.DataFrame({"x": [1.5, 2, None, 4] * 5, "colour": ["red", "blue", None, "2.0"] * 5, "y": [0, 1] * 10})
MEASURED = CLASSED.assign(y=np.linspace(0, 1, 20))


def asked(folder: Path, content: str, table: Table) -> tuple[pd.DataFrame, bool]:
    (folder / "new.csv").write_text(content, encoding="utf-8")
    return read_rows(folder / "new.csv", table)


def test_rows_without_a_target(tmp_path: Path) -> None:
    table = read_table(CLASSED, "y")
    rows, has_target = asked(tmp_path, "more,colour,x\n1,red,3\n2,,\n3,green,5\n", table)
    assert not has_target and list(rows) == ["x", "colour"] and rows.index.tolist() == ["new 0", "new 1", "new 2"]
    assert rows["x"].tolist()[::2] == [3.0, 5.0] and np.isnan(rows["x"].iloc[1]) and rows["colour"].tolist() == ["red", None, "green"]
    assert fit_encoder(table, np.arange(20)).transform(rows)[2, 1:].sum() == 0


def test_an_empty_target_column_is_none(tmp_path: Path) -> None:
    assert asked(tmp_path, "x,colour,y\n1,red,\n2,blue,?\n", read_table(CLASSED, "y"))[1] is False


@pytest.mark.parametrize("target", ["0", "0.0", "0,0"])
def test_a_class_however_it_is_written(tmp_path: Path, target: str) -> None:
    table = read_table(CLASSED, "y")
    rows, has_target = asked(tmp_path, f"x|colour|y\n1|red|1\n2|blue|{target.replace(',', '.')}\n", table)
    assert has_target and encode_target(table, rows).tolist() == [1, 0]


def test_numbers_for_a_target(tmp_path: Path) -> None:
    table = read_table(MEASURED, "y")
    rows, has_target = asked(tmp_path, "x;colour;y\n1,5;red;0,25\n", table)
    assert has_target and encode_target(table, rows).tolist() == [0.25] and rows["x"].tolist() == [1.5]


def test_categories_that_look_like_numbers(tmp_path: Path) -> None:
    assert asked(tmp_path, "x,colour\n1,2.0\n", read_table(CLASSED, "y"))[0]["colour"].tolist() == ["2.0"]
    numbered = CLASSED.assign(colour=pd.Categorical([1, 2] * 10))
    assert asked(tmp_path, "x,colour\n1,2.0\n2,1\n3,9\n", read_table(numbered, "y"))[0]["colour"].tolist() == ["2", "1", "9"]
    truths = CLASSED.assign(colour=[True, False] * 10)
    assert asked(tmp_path, "x,colour\n1,True\n", read_table(truths, "y"))[0]["colour"].tolist() == ["True"]


def test_parquet(tmp_path: Path) -> None:
    table = read_table(CLASSED.assign(truth=[True, False] * 10), "y")
    pd.DataFrame({"x": [1], "colour": ["red"], "truth": [False], "y": [1]}).to_parquet(tmp_path / "new.parquet")
    rows, has_target = read_rows(tmp_path / "new.parquet", table)
    assert has_target and rows.iloc[0].tolist() == [1.0, "red", "False", "1"]


@pytest.mark.parametrize(
    ("data", "content", "message"),
    [
        (CLASSED, "x\n1\n", "new.csv lacks the column colour; add it."),
        (CLASSED, "Colour,X1\n1,2\n", "new.csv lacks the columns x, colour; add them. Did you mean 'Colour'?"),
        (CLASSED, "x,colour\n1,red\nmany,red\n", "Row 1 of .* has many in column 'x'; put a number there or leave it empty."),
        (CLASSED, "x,colour\n1,red\n,red\ninf,red\n", "Row 2 of .* has inf in column 'x'; put a number there"),
        (CLASSED, "x,colour,y\n1,red,0\n1,red,\n", "Row 1 of .* has no y where others have; fill it in all rows or in none."),
        (CLASSED, "x,colour,y\n1,red,2\n", "has the y '2', which the table does not know; the classes are 0, 1."),
        (MEASURED, "x,colour,y\n1,red,high\n", "Row 0 of .* has high in column 'y'; put a number there"),
    ],
)
def test_refused(tmp_path: Path, data: pd.DataFrame, content: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked(tmp_path, content, read_table(data, "y"))
    assert all(part in str(caught.value) for part in message.split(".*"))
