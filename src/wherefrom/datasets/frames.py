"""A file to a frame: separator, encoding, decimal mark and the spelling of missing values are found out."""

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet

from wherefrom.errors import UsageError, nearest

MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "missing"}
SEPARATORS = (",", ";", "\t", "|")
LOOKED_AT = 200  # records that decide the separator
CELL = 1 << 30  # letters of the longest cell
END = "\udcff"  # a lone surrogate: no decoder gives one, so no file holds it
CODE = re.compile(r"[+-]?(0\d+|\d{19,})")  # 007 and 20 digits are names, not numbers
COMMA_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?([eE][+-]?\d+)?|[+-]?,\d+")
CONTROL = re.compile(r"[\0-\x08\x0e-\x1f]")


def read_frame(path: str | Path, *, text: Collection[str] = ()) -> pd.DataFrame:
    """Read CSV, TSV, other separated text, or Parquet; columns whose every filled cell is a number become numbers.

    Columns named in ``text`` stay as they are spelt. Raises :class:`UsageError` for a file that is missing, empty, binary or
    damaged, for rows of unequal length (naming the line) and for columns of one name.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file in it.")
    if not path.is_file():
        near = nearest(path.name, (file.name for file in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise UsageError(f"There is no file {path}.{near}" if near else f"There is no file {path}; check the path.")
    if path.suffix.lower() in (".xls", ".xlsx", ".ods"):
        raise UsageError(f"{path} is a spreadsheet; save it as CSV, or read it with pandas and pass the frame.")
    try:
        with path.open("rb") as file:
            start = file.read(4)
            content = b"" if start == b"PAR1" or path.suffix.lower() in (".parquet", ".pq") else start + file.read()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    return _separated(path, _decoded(path, content), text) if content or not start else _parquet(path)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        names = [str(name) for name in pyarrow.parquet.ParquetFile(path).schema_arrow.names]
        _checked_names(path, names)
        frame = pd.read_parquet(path)
    except UsageError:
        raise
    except Exception as error:  # pyarrow raises many kinds for a damaged file
        raise UsageError(f"{path} is not a whole Parquet file ({reason(error)}); write it again.") from error
    if not len(frame):
        raise UsageError(f"{path} holds no rows; give a table with some.")
    named = [name for name in frame.index.names if name is not None]  # an index with a name was a column
    return frame.reset_index(named).reset_index(drop=True).rename(columns=str)


def reason(error: Exception) -> str:
    """The first sentence of an error of another library, to stand inside ours."""
    return re.split(r"\n|\. ", str(error).strip() or type(error).__name__)[0].rstrip(".")


def _decoded(path: Path, content: bytes) -> str:
    """UTF-16 by its byte order mark, UTF-8 with or without one, else Windows' western letters."""
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text or (encoding in ("cp1252", "latin-1") and CONTROL.search(text)):
            break
        return text
    raise UsageError(f"{path} is neither text nor Parquet; save the table as CSV in UTF-8.")


def _separated(path: Path, content: str, text: Collection[str]) -> pd.DataFrame:
    names: list[str] = []
    rows: list[list[str]] = []
    limit = csv.field_size_limit(CELL)
    try:
        separator = _separator(content)
        for line, record in _records(path, content, separator):
            if not names:
                names = _checked_names(path, [cell.strip() for cell in record])
            elif len(record) != len(names):
                raise UsageError(
                    f"Line {line} of {path} has {len(record)} cells where the header has {len(names)}; "
                    f"give it {len(names)}, and quote cells that hold {separator!r}."
                )
            else:
                rows.append(record)
    finally:
        csv.field_size_limit(limit)
    if not rows:
        raise UsageError(f"{path} holds no rows; give a table with a header and at least one row.")
    columns = {}
    for place, name in enumerate(names):
        cells = [None if (cell := row[place].strip()).lower() in MISSING else cell for row in rows]
        columns[name] = pd.Series(cells, dtype=object) if name in text else _column(cells, comma=separator != ",")
    return pd.DataFrame(columns)


def _records(path: Path, content: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line it starts on; a quote left open is refused, for it swallows rows."""
    lines = itertools.chain(io.StringIO(content, newline=""), [END])
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    line, header = 1, True
    for record in reader:
        if record == [END]:
            return
        if record and record[-1].endswith(END):
            raise UsageError(f"A quote in the row on line {line} of {path} is never closed; close it or take it out.")
        blank = not any(cell.strip() for cell in record)
        if not blank or (len(record) > 1 and not header):  # separators alone are a row of missing cells
            yield line, record
            header = False
        line = reader.line_num + 1


def _separator(content: str) -> str:
    """The separator that cuts the header into the most cells, and nearly all first records into as many."""
    head = list(itertools.islice(io.StringIO(content, newline=""), LOOKED_AT + 1))
    best, most = ",", 0.0
    for separator in SEPARATORS:
        widths = [len(record) for record in csv.reader(head, delimiter=separator, skipinitialspace=True) if any(record)]
        if not widths:
            continue
        share = Counter(widths)[widths[0]] / len(widths)
        score = (widths[0] - 1) * share**4  # a comma inside texts or numbers cuts the rows otherwise than the header
        if score > most:
            best, most = separator, score
    return best


def _checked_names(path: Path, names: list[str]) -> list[str]:
    names = [name or f"column {place}" for place, name in enumerate(names)]
    doubled = next((name for name, count in Counter(names).items() if count > 1), None)
    if doubled is not None:
        raise UsageError(f"{path} has {names.count(doubled)} columns named {doubled!r}; rename all but one.")
    return names


def _column(cells: list[str | None], comma: bool) -> pd.Series:
    """Numbers where every filled cell is one, else text; missing cells are NaN or None."""
    filled = [cell for cell in cells if cell is not None]
    if filled and not any(CODE.fullmatch(cell) for cell in filled):
        plain = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
        if plain.count() == len(filled):
            return plain
        if comma and all(COMMA_NUMBER.fullmatch(cell) for cell in filled):
            points = [None if cell is None else cell.replace(".", "").replace(",", ".") for cell in cells]
            return pd.to_numeric(pd.Series(points, dtype=object))
    return pd.Series(cells, dtype=object)
