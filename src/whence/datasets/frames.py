"""A file to a frame: separator, encoding, decimal mark and the spelling of missing values are found out."""

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from whence.errors import UsageError, nearest

MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "missing"}
SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 200  # records that decide the separator
CODE = re.compile(r"[+-]?0\d+")  # 007 is a name, not a number
COMMA_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?([eE][+-]?\d+)?|[+-]?,\d+")


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read CSV, TSV, other separated text, or Parquet; columns whose every filled cell is a number become numbers.

    Raises :class:`UsageError` for a file that is missing, empty, binary or damaged, for rows of unequal length (naming the
    line) and for columns of one name.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file in it.")
    if not path.is_file():
        near = nearest(path.name, (file.name for file in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise UsageError(f"There is no file {path}.{near}" if near else f"There is no file {path}; check the path.")
    content = path.read_bytes()
    if content[:4] == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    return _separated(path, _decoded(path, content))


def _parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises many kinds for a damaged file
        raise UsageError(f"{path} is not a whole Parquet file ({str(error).splitlines()[0]}); write it again.") from error
    if not len(frame):
        raise UsageError(f"{path} holds no rows; give a table with some.")
    frame.columns = _checked_names(path, [str(name) for name in frame.columns])
    return frame.reset_index(drop=True)


def _decoded(path: Path, content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if b"\0" in content:
        raise UsageError(f"{path} is neither text nor Parquet; save the table as CSV.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _separated(path: Path, text: str) -> pd.DataFrame:
    separator = _separator(text)
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    names: list[str] = []
    rows: list[list[str]] = []
    for record in reader:
        if not any(cell.strip() for cell in record):
            continue
        if not names:
            names = _checked_names(path, [cell.strip() for cell in record])
        elif len(record) != len(names):
            raise UsageError(
                f"Line {reader.line_num} of {path} has {len(record)} cells where the header has {len(names)}; quote cells that hold {separator!r}."
            )
        else:
            rows.append(record)
    if not rows:
        raise UsageError(f"{path} holds no rows; give a table with a header and at least one row.")
    columns = {name: _column([row[place].strip() for row in rows], comma=separator != ",") for place, name in enumerate(names)}
    return pd.DataFrame(columns)


def _separator(text: str) -> str:
    """The separator that cuts the first records into the most cells, nearly all of them alike."""
    head = text[: 1 << 18].splitlines(keepends=True)[: LOOKED_AT + 1]
    best, most = ",", 0.0
    for separator in SEPARATORS:
        widths = [len(record) for record in csv.reader(head, delimiter=separator) if record]
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        score = (width - 1) * (count / len(widths)) ** 4  # a comma inside texts cuts them unevenly
        if score > most:
            best, most = separator, score
    return best


def _checked_names(path: Path, names: list[str]) -> list[str]:
    names = [name or f"column {place}" for place, name in enumerate(names)]
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise UsageError(f"{path} has {Counter(names)[doubled[0]]} columns named {doubled[0]!r}; rename all but one.")
    return names


def _column(cells: list[str], comma: bool) -> pd.Series:
    """Numbers where every filled cell is one, else text; missing cells are None."""
    filled = [cell for cell in cells if cell.lower() not in MISSING]
    if filled and not any(CODE.fullmatch(cell) for cell in filled):
        plain = pd.to_numeric(pd.Series(filled, dtype=object), errors="coerce")
        if comma and plain.isna().any() and all(COMMA_NUMBER.fullmatch(cell) for cell in filled):
            cells = [cell.replace(".", "").replace(",", ".") for cell in cells]
            plain = plain.fillna(0)
        if not plain.isna().any():
            return pd.to_numeric(pd.Series([None if cell.lower() in MISSING else cell for cell in cells], dtype=object))
    return pd.Series([None if cell.lower() in MISSING else cell for cell in cells], dtype=object)
