"""Files to frames: what is found out, and what is refused."""

from pathlib import Path

import pandas as pd
import pytest

import wherefrom as wf
from wherefrom.datasets import read_frame


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_separator_and_encoding_are_found_out(tmp_path: Path, separator: str, encoding: str) -> None:
    lines = [["naïve", "n"], ["é, or; so", "1"], ["b", "2"]]
    text = "\n".join(separator.join(f'"{cell}"' if not cell.isdigit() else cell for cell in line) for line in lines)
    frame = read_frame(written(tmp_path, text.encode(encoding)))
    assert list(frame) == ["naïve", "n"] and frame["n"].tolist() == [1, 2] and frame["naïve"][0] == "é, or; so"


def test_decimal_commas_and_thousands(tmp_path: Path) -> None:
    frame = read_frame(written(tmp_path, "a;b;c\n1,5;1.234,5;x\n-2;3;y\n;0,1;z\n"))
    assert frame["a"].tolist()[:2] == [1.5, -2] and frame["b"].tolist() == [1234.5, 3, 0.1] and frame["a"].isna()[2]
    assert read_frame(written(tmp_path, "a;b\n1.5;x\n2.5;y\n"))["a"].tolist() == [1.5, 2.5]


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "NaN", "null", "None", "?", "-", "Missing"])
def test_missing_cells(tmp_path: Path, missing: str) -> None:
    frame = read_frame(written(tmp_path, f"a,b\n1,x\n{missing},y\n3,{missing}\n"))
    assert frame["a"].isna().tolist() == [False, True, False] and frame["b"].isna().tolist() == [False, False, True]


def test_codes_with_leading_zeros_stay_text(tmp_path: Path) -> None:
    assert read_frame(written(tmp_path, "zip,n\n01234,1\n99999,0.5\n"))["zip"].tolist() == ["01234", "99999"]


def test_quotes_newlines_and_blank_lines(tmp_path: Path) -> None:
    frame = read_frame(written(tmp_path, 'a,b\n"two\nlines",1\n\n"a ""quote""",2\n'))
    assert frame["a"].tolist() == ["two\nlines", 'a "quote"'] and frame["b"].tolist() == [1, 2]


def test_parquet(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}).to_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet")["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no rows"),
        ("a,b\n", "holds no rows"),
        ("a,b\n1,2\n1,2,3\n", "Line 3 of .* has 3 cells where the header has 2"),
        ("a,b\n1,2\n1\n", "Line 3 of .* has 1 cells"),
        ("a,a\n1,2\n", "2 columns named 'a'"),
        (b"\x00\x01\x02", "neither text nor Parquet"),
        (b"PAR1 and then nothing", "not a whole Parquet file"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(wf.UsageError, match=message):
        read_frame(written(tmp_path, content))


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "a\n1\n", "titanic.csv")
    with pytest.raises(wf.UsageError, match=r"There is no file .*titanc.csv. Did you mean 'titanic.csv'"):
        read_frame(tmp_path / "titanc.csv")
    with pytest.raises(wf.UsageError, match="check the path"):
        read_frame(tmp_path / "no" / "where.csv")
    with pytest.raises(wf.UsageError, match="is a folder"):
        read_frame(tmp_path)
