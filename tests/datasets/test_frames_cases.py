"""Files to frames: the harder cases of what is found out, and the sentence of each refusal."""

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wherefrom import UsageError
from wherefrom.datasets import read_frame


def written(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_quoted_cells_may_hold_every_other_separator(tmp_path: Path, separator: str) -> None:
    others = ";,|\t".replace(separator, "")
    rows = [["a", "b", "c"], ["1", f"x{others}y", "2.5"], ["3", f"z{others * 3}z", "4"]]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(rows)
    frame = read_frame(tmp_path / "table.csv")
    assert frame["b"].tolist() == [rows[1][1], rows[2][1]]
    assert frame["a"].tolist() == [1, 3] and frame["a"].dtype == np.int64 and frame["c"].tolist() == [2.5, 4.0]


@pytest.mark.parametrize("rows", [1, 50, 1000])
def test_semicolons_with_decimal_commas_in_every_cell(tmp_path: Path, rows: int) -> None:
    frame = read_frame(written(tmp_path, "a;b;c\n" + "3,14;-2,5;1,5e3\n" * rows))
    assert frame.shape == (rows, 3) and frame.iloc[0].tolist() == [3.14, -2.5, 1500.0]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234.567", "2,5"], [1234567.0, 2.5]),
        ([",5", "?"], [0.5, None]),
        (["3,14", "2.5"], ["3,14", "2.5"]),  # both marks: text
    ],
)
def test_decimal_comma(tmp_path: Path, cells: list[str], expected: list[object]) -> None:
    found = read_frame(written(tmp_path, "a;b\n" + "".join(f"{cell};x\n" for cell in cells)))["a"]
    assert [None if pd.isna(cell) else cell for cell in found] == expected


def test_a_comma_is_no_decimal_mark_between_commas(tmp_path: Path) -> None:
    assert read_frame(written(tmp_path, 'a,b\n"3,14",x\n'))["a"].tolist() == ["3,14"]


def test_windows_letters_and_bytes_that_windows_lacks(tmp_path: Path) -> None:
    assert read_frame(written(tmp_path, b"a,b\n5 \x80,1\n"))["a"].tolist() == ["5 €"]
    assert read_frame(written(tmp_path, b"a,b\n\xe9\x81,1\n"))["a"].tolist() == ["\xe9\x81"]


def test_kinds_of_columns(tmp_path: Path) -> None:
    frame = read_frame(written(tmp_path, "i,f,long,mixed,truth,empty\n1,1e3,12345678901234567890,1,True,\n-2,.5,1,x,False,\n"))
    assert frame["i"].dtype == np.int64 and frame["f"].tolist() == [1000.0, 0.5] and frame["long"].tolist() == ["12345678901234567890", "1"]
    assert frame["mixed"].tolist() == ["1", "x"] and frame["truth"].tolist() == ["True", "False"] and frame["empty"].isna().all()


def test_columns_may_stay_as_spelt(tmp_path: Path) -> None:
    frame = read_frame(written(tmp_path, "a,b\n1.0,2.0\n"), text=["a"])
    assert frame["a"].tolist() == ["1.0"] and frame["b"].tolist() == [2.0]


def test_blank_lines_go_and_separators_alone_are_a_row(tmp_path: Path) -> None:
    frame = read_frame(written(tmp_path, '\n a , ,b\r\n1,2, "x, ""y""\nz"\n\n  \n,,\n3,4,w'))
    assert list(frame) == ["a", "column 1", "b"] and frame["b"].tolist() == ['x, "y"\nz', None, "w"]


def test_a_cell_may_be_long(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    assert len(read_frame(written(tmp_path, f'a,b\n1,"{"x" * 300_000}"\n'))["b"][0]) == 300_000
    assert csv.field_size_limit() == before


def test_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [7, 8], "x": [1.5, None], "t": ["a", None]})
    frame.set_index("id").to_parquet(tmp_path / "indexed.data")  # known by its content; a named index is a column
    assert read_frame(tmp_path / "indexed.data")["id"].tolist() == [7, 8]
    frame[frame["x"].isna()].to_parquet(tmp_path / "part.parquet")
    assert read_frame(tmp_path / "part.parquet").index.tolist() == [0]
    pq.write_table(pa.table({"d": [Decimal("1.5"), Decimal("2.5")]}), tmp_path / "decimal.parquet")
    assert read_frame(tmp_path / "decimal.parquet")["d"].tolist() == [Decimal("1.5"), Decimal("2.5")]


def test_titanic(data_folder: Path) -> None:
    frame = read_frame(data_folder / "titanic.csv")
    assert frame.shape == (891, 12) and frame[["Age", "Cabin", "Embarked"]].isna().sum().tolist() == [177, 687, 2]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("\n\n", "table.csv", r"table.csv holds no rows; give a table with a header and at least one row."),
        ("", "table.parquet", r"holds no rows; give"),
        (b"\x1f\x8b\x08\xff\xff", "table.csv", r"is neither text nor Parquet; save the table as CSV in UTF-8."),
        (b"\xff\xfea\0b", "table.csv", r"is neither text nor Parquet"),
        ("a,b\n1,2\n3,4,5\n", "table.csv", r"Line 3 of .* has 3 cells where the header has 2; give it 2, and quote cells that hold ','."),
        ('a,b\n1,"x\ny"\n3\n', "table.csv", r"Line 4 of "),
        ('a,b\n1,2\n3,"x\n4,y\n', "table.csv", r"A quote in the row on line 3 of .* is never closed; close it or take it out."),
        ("a,b,a\n1,2,3\n", "table.csv", r"has 2 columns named 'a'; rename all but one."),
        ("x", "table.parquet", r"is not a whole Parquet file \(.*\); write it again."),
    ],
)
def test_refused(tmp_path: Path, content: str | bytes, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_frame(written(tmp_path, content, name))
    assert "\n" not in str(caught.value)


def test_refused_parquet(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(UsageError, match="has 2 columns named 'a'; rename all but one"):
        read_frame(path)
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    with pytest.raises(UsageError, match="holds no rows; give"):
        read_frame(path)
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="is not a whole Parquet file"):
        read_frame(path)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a,b\n1,2\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=r"table.csv cannot be read \(Permission denied\); check its permissions."):
        read_frame(path)
