"""A table to learn from: which column is the target, which rows and columns are used, and why the others are not."""

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from wherefrom.datasets.frames import read_frame
from wherefrom.errors import UsageError, nearest

Kind = Literal["number", "category"]
Task = Literal["classification", "regression"]
MOST_CLASSES = 20  # of a target of whole numbers
ROWS_EACH = 5  # that such a target needs for each class, two classes aside
MANY = 20  # rows from which consecutive numbers are row numbers and not, say, doses
LONG = 50  # letters of a mean cell from which a column is free text, unless its texts repeat
NEARLY_ALL = 0.9  # of the rows: text with so many different values names the rows
ID_NAME = re.compile(r"(?i:(^|[\s_.-])(id|idx|index|row|nr|no|number)$|^unnamed: 0$)|[a-z](Id|ID)$")
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE = re.compile(
    r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{2}(\d{2})?"
    rf"|\d{{1,2}}[ -]{MONTH}[ -]\d{{2}}(\d{{2}})?|{MONTH} \d{{1,2}},? \d{{4}})([ T].*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Column:
    """A column to predict from."""

    name: str
    kind: Kind


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with a target: ``frame`` holds the used columns and the target, its index the ids.

    ``classes`` are the target's values as text, in order (empty in regression). ``notes`` say what was left out and why.
    """

    frame: pd.DataFrame
    name: str
    target: str
    task: Task
    classes: tuple[str, ...]
    ids: np.ndarray
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def read_table(
    source: str | Path | pd.DataFrame, target: str, *, id: str | None = None, task: str | None = None, name: str | None = None
) -> Table:  # fmt: skip
    """Choose rows and columns of a file or frame.

    Rows without a target are left out; ids are row numbers from 0 in the file, or the cells of column ``id``. Ids, free
    text, dates and columns that say nothing are left out, each with a note. ``task`` is found from the target unless given:
    text, truth values, two whole numbers, or up to 20 with five rows each are classes. Raises :class:`UsageError` where
    nothing can be learnt: an unknown column, one class, text to regress, no usable column, duplicate or missing ids,
    infinite cells.
    """
    frame = _framed(source)
    name = name or (Path(source).stem if isinstance(source, (str, Path)) else "table")
    for column, option in ((target, "target"), (id, "id")):
        if column is not None and column not in frame:
            raise UsageError(f"There is no {option} column {column!r}.{nearest(column, frame.columns)} The columns are {', '.join(frame.columns)}.")
    filled = frame[target].notna().to_numpy()
    if not filled.any():
        raise UsageError(f"No row has a {target}; choose a target column that is filled.")
    empty = int((~filled).sum())
    notes = [f"{empty} row{'s' * (empty > 1)} without {target} {'are' if empty > 1 else 'is'} left out."] if empty else []
    rows = frame[filled]
    ids = _ids(rows, id)
    _check_infinite(rows[[target]].set_axis(ids, axis=0))
    chosen_task = _task(rows[target], task)
    values, classes = _target(rows[target], chosen_task)
    columns, why = _columns(rows.drop(columns=[target] + ([id] if id not in (None, target) else [])), frame)
    if not columns:
        raise UsageError(f"No column can be used to predict {target} ({' '.join(why) or 'there is no other'}); add numbers or categories.")
    used = {column.name: _cells(rows[column.name], column.kind) for column in columns}
    tidy = pd.DataFrame(used | {target: values}).set_axis(ids, axis=0)
    _check_infinite(tidy)
    return Table(tidy, name, target, chosen_task, classes, ids, tuple(columns), (*notes, *why))


def _framed(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """The table with row numbers as its index, text names, and numbers where all cells of an object column are."""
    if not isinstance(source, pd.DataFrame):
        return _numbers_found(read_frame(source))
    frame = source.reset_index(drop=True).rename(columns=str)
    if not len(frame):
        raise UsageError("The table holds no rows; give one with some.")
    doubled = next((name for name, count in Counter(frame.columns).items() if count > 1), None)
    if doubled is not None:
        raise UsageError(f"The table has {Counter(frame.columns)[doubled]} columns named {doubled!r}; rename all but one.")
    return _numbers_found(frame)


def _numbers_found(frame: pd.DataFrame) -> pd.DataFrame:
    found = {}
    for name in frame:
        filled = frame[name].dropna()
        if filled.dtype == object and len(filled) and all(_is_real(cell) for cell in filled):
            plain = [int(cell) if isinstance(cell, Integral) else float(cell) for cell in filled]
            found[name] = pd.to_numeric(pd.Series(plain, index=filled.index)).reindex(frame.index)
    return frame.assign(**found)


def _is_real(cell: object) -> bool:
    return isinstance(cell, (Real, Decimal)) and not isinstance(cell, (bool, np.bool_))


def _ids(rows: pd.DataFrame, column: str | None) -> np.ndarray:
    if column is None:
        return rows.index.to_numpy()
    cells = rows[column]
    if cells.isna().any():
        row = cells.index[int(cells.isna().to_numpy().argmax())]
        raise UsageError(f"Row {row} has no {column}; fill that cell, or choose another id column or none.")
    whole = types.is_integer_dtype(cells) or (types.is_float_dtype(cells) and (cells % 1 == 0).all())
    ids = cells.to_numpy().astype(np.int64) if whole else np.array([str(cell) for cell in cells])
    double = pd.Series(ids).duplicated().to_numpy()
    if double.any():
        raise UsageError(f"Id {ids[double.argmax()]!s} stands in more than one row; choose an id column whose values are unique, or none.")
    return ids


def _is_number(cells: pd.Series) -> bool:
    return types.is_numeric_dtype(cells) and not types.is_bool_dtype(cells) and not types.is_complex_dtype(cells)


def _is_plain(cells: pd.Series) -> bool:
    """Numbers, truth values, text or categories of these; neither dates, nor bytes, nor lists."""
    if _is_number(cells) or types.is_bool_dtype(cells):
        return True
    return all(isinstance(cell, (str, bool, np.bool_, Real)) for cell in cells.dropna())


def _task(target: pd.Series, asked: str | None) -> Task:
    if not _is_plain(target):
        raise UsageError(f"The cells of the target {target.name!r} are neither numbers nor text; choose another target.")
    number = _is_number(target)
    if asked is not None:
        if asked not in ("classification", "regression"):
            raise UsageError(f"The task {asked!r} is unknown; choose classification or regression.")
        if asked == "regression" and not number:
            raise UsageError(f"The target {target.name!r} holds text, which cannot be regressed; choose classification or another target.")
        return "classification" if asked == "classification" else "regression"
    if not number:
        return "classification"
    distinct = target.nunique()
    few = distinct <= 2 or (distinct <= MOST_CLASSES and distinct * ROWS_EACH <= len(target))
    return "classification" if few and (target % 1 == 0).all() else "regression"


def _target(target: pd.Series, task: Task) -> tuple[pd.Series, tuple[str, ...]]:
    """Class names or numbers, and all classes in order."""
    distinct = sorted(set(target), key=lambda value: (isinstance(value, str), value))
    classes = list(dict.fromkeys(class_name(value) for value in distinct))
    if len(classes) < 2:
        raise UsageError(f"Every row has the same {target.name} ({classes[0]}); choose a target with at least two values.")
    if task == "regression":
        return target.astype(np.float64), ()
    if len(classes) == len(target) >= MANY:
        raise UsageError(f"Every row has a {target.name} of its own; choose a target whose classes repeat.")
    return pd.Series([class_name(value) for value in target], index=target.index, dtype=object), tuple(classes)


def class_name(value: object) -> str:
    """A class as text: 1 and 1.0 are both "1"."""
    return str(int(value)) if isinstance(value, (float, np.floating)) and value % 1 == 0 else str(value)


def _columns(rows: pd.DataFrame, frame: pd.DataFrame) -> tuple[list[Column], list[str]]:
    columns, why = [], []
    for name in rows:
        reason = _useless(rows[name], frame[name])
        if reason:
            why.append(f"{name} is left out: {reason}.")
        else:
            columns.append(Column(str(name), "number" if _is_number(rows[name]) else "category"))
    return columns, why


def _useless(cells: pd.Series, whole: pd.Series) -> str:
    """Why a column is left out, judged by its ``cells`` in rows with a target and its ``whole``; empty where it is used."""
    filled = cells.dropna()
    n, number = len(filled), _is_number(cells)
    if not n:
        return "it is empty"
    distinct = filled.astype(str).nunique()
    if distinct == 1 and (number or n == len(cells)):
        return f"it is {class_name(filled.iloc[0])} in every row{' that has it' if n < len(cells) else ''}"
    if number:
        return "it numbers the rows" if _numbers_rows(whole) else ""
    if types.is_datetime64_any_dtype(cells) or all(DATE.fullmatch(str(cell)) for cell in filled):
        return "it holds dates"
    if not _is_plain(cells):
        return "its cells are neither numbers nor text"
    if filled.astype(str).str.len().mean() > LONG and distinct > n / 2:
        return "it is free text"
    if distinct > NEARLY_ALL * n and n > 2:
        return f"it is different in {'every row' if distinct == n else 'nearly every row'}, like a name or an id"
    if distinct > max(20, 0.05 * len(cells)):
        return f"it has {distinct} different values, too many for categories"
    return ""


def _numbers_rows(cells: pd.Series) -> bool:
    """Whole numbers, each once, that are consecutive or named like an id."""
    if len(cells) <= 2 or cells.nunique() < len(cells) or not np.isfinite(cells.to_numpy(dtype=np.float64)).all() or (cells % 1 != 0).any():
        return False
    consecutive = len(cells) >= MANY and cells.max() - cells.min() == len(cells) - 1
    return bool(consecutive or ID_NAME.search(str(cells.name)))


def _cells(cells: pd.Series, kind: Kind) -> pd.Series:
    """Numbers as float64 (whole ones without gaps as int64), categories as text; missing cells NaN or None."""
    if kind == "number":
        return cells.astype(np.int64 if types.is_integer_dtype(cells.dtype) and not cells.hasnans else np.float64)
    return pd.Series([None if pd.isna(cell) else class_name(cell) for cell in cells], index=cells.index, dtype=object)


def _check_infinite(rows: pd.DataFrame) -> None:
    for name in rows.select_dtypes("number"):
        endless = np.isinf(rows[name].to_numpy(dtype=np.float64, na_value=np.nan))
        if endless.any():
            raise UsageError(f"Row {rows.index[int(endless.argmax())]!s} holds an infinite {name}; correct or empty that cell.")
