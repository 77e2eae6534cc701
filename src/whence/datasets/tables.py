"""A table to learn from: which column is the target, which rows and columns are used, and why the others are not."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pandas.api import types

from whence.datasets.frames import read_frame
from whence.errors import UsageError, nearest

Kind = Literal["number", "category"]
Task = Literal["classification", "regression"]
MOST_CLASSES = 20  # of a target of whole numbers
ROWS_EACH = 5  # that such a target needs for each class, two classes aside
LONG = 50  # letters of a mean cell from which a column is free text
ID_NAME = re.compile(r"(^|[\s_-])(id|idx|index|row|nr|no|number)$|[a-z](Id|ID)$", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}([ T].*)?")


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
    text, dates and columns that say nothing are left out. ``task`` is found from the target unless given. Raises
    :class:`UsageError` where nothing can be learnt: an unknown column, one class, no usable column, duplicate ids.
    """
    frame = source.reset_index(drop=True) if isinstance(source, pd.DataFrame) else read_frame(source)
    frame = frame.rename(columns=str)
    name = name or (Path(source).stem if isinstance(source, (str, Path)) else "table")
    for column, option in ((target, "target"), (id, "id")):
        if column is not None and column not in frame:
            raise UsageError(f"There is no {option} column {column!r}.{nearest(column, frame.columns)} The columns are {', '.join(frame.columns)}.")
    if not len(frame):
        raise UsageError("The table holds no rows; give one with some.")
    ids = _ids(frame, id)
    filled = frame[target].notna().to_numpy()
    notes = [f"{int((~filled).sum())} rows without {target} are left out."] if not filled.all() else []
    frame, ids = frame[filled], ids[filled]
    if not len(frame):
        raise UsageError(f"No row has a {target}; choose a target column that is filled.")
    chosen_task = _task(frame[target], task)
    values, classes = _target(frame[target], chosen_task)
    columns, why = _columns(frame.drop(columns=[target] + ([id] if id not in (None, target) else [])))
    if not columns:
        raise UsageError(f"No column can be used to predict {target} ({' '.join(why) or 'there is no other'}); add numbers or categories.")
    used = {column.name: _cells(frame[column.name], column.kind) for column in columns}
    tidy = pd.DataFrame(used | {target: values}).set_axis(ids, axis=0)
    _check_infinite(tidy)
    return Table(tidy, name, target, chosen_task, classes, ids, tuple(columns), (*notes, *why))


def _ids(frame: pd.DataFrame, column: str | None) -> np.ndarray:
    if column is None:
        return np.arange(len(frame))
    cells = frame[column]
    if cells.isna().any():
        raise UsageError(f"Row {int(cells.isna().to_numpy().argmax())} has no {column}; fill the id column or leave --id out.")
    if cells.duplicated().any():
        raise UsageError(f"Id {cells[cells.duplicated()].iloc[0]!s} stands in more than one row; choose an id column whose values are unique.")
    whole = types.is_integer_dtype(cells) or (types.is_float_dtype(cells) and (cells % 1 == 0).all())
    return cells.to_numpy().astype(np.int64) if whole else np.array([str(cell) for cell in cells])


def _task(target: pd.Series, asked: str | None) -> Task:
    number = types.is_numeric_dtype(target) and not types.is_bool_dtype(target)
    if asked is not None:
        if asked not in ("classification", "regression"):
            raise UsageError(f"task {asked!r} is unknown; choose classification or regression.")
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
    distinct = sorted(target.unique().tolist(), key=lambda value: (isinstance(value, str), value))
    if len(distinct) < 2:
        raise UsageError(f"Every row has the same {target.name} ({class_name(distinct[0])}); choose a target with at least two values.")
    if task == "regression":
        return target.astype(np.float64), ()
    return target.map(class_name).astype(object), tuple(dict.fromkeys(class_name(value) for value in distinct))


def class_name(value: object) -> str:
    """A class as text: 1 and 1.0 are both "1"."""
    return str(int(value)) if isinstance(value, (float, np.floating)) and value % 1 == 0 else str(value)


def _columns(frame: pd.DataFrame) -> tuple[list[Column], list[str]]:
    columns, why = [], []
    for name in frame:
        reason = _useless(frame[name])
        if reason:
            why.append(f"{name} is left out: {reason}.")
            continue
        number = types.is_numeric_dtype(frame[name]) and not types.is_bool_dtype(frame[name])
        columns.append(Column(str(name), "number" if number else "category"))
    return columns, why


def _useless(cells: pd.Series) -> str:
    """Why a column is left out; empty where it is used."""
    filled = cells.dropna()
    n, distinct = len(filled), filled.astype(str).nunique()
    if not n:
        return "it is empty"
    number = types.is_numeric_dtype(cells) and not types.is_bool_dtype(cells)
    if distinct == 1 and (number or n == len(cells)):
        return f"it is {class_name(filled.iloc[0])} in every row that has it"
    if types.is_datetime64_any_dtype(cells) or (not number and all(DATE.fullmatch(str(cell)) for cell in filled)):
        return "it holds dates"
    if number:
        whole = bool(np.isfinite(filled).all() and (filled % 1 == 0).all())
        in_order = bool((filled.diff().dropna() == 1).all()) and n >= 20
        is_id = whole and distinct == len(cells) and n > 2 and (in_order or ID_NAME.search(str(cells.name)))
        return "it numbers the rows" if is_id else ""
    if filled.map(lambda cell: not isinstance(cell, (str, bool, np.bool_))).any() and not isinstance(cells.dtype, pd.CategoricalDtype):
        return "its cells are neither numbers nor text"
    if filled.astype(str).str.len().mean() > LONG:
        return "it is free text"
    if distinct == n and n > 2:
        return "it is different in every row, like a name or an id"
    if distinct > max(20, 0.05 * len(cells)):
        return f"it has {distinct} different values, too many for categories"
    return ""


def _cells(cells: pd.Series, kind: Kind) -> pd.Series:
    """Numbers as float64 (whole ones without gaps as int64), categories as text; missing cells NaN or None."""
    if kind == "number":
        return cells if types.is_integer_dtype(cells.dtype) and not cells.hasnans else cells.astype(np.float64)
    return cells.astype(object).map(lambda cell: None if pd.isna(cell) else str(cell)).astype(object)


def _check_infinite(frame: pd.DataFrame) -> None:
    for name in frame.select_dtypes("number"):
        endless = np.isinf(frame[name].to_numpy(dtype=np.float64))
        if endless.any():
            raise UsageError(f"Row {frame.index[endless.argmax()]!s} holds an infinite {name}; correct or empty that cell.")
