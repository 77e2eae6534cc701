"""New rows to ask about, in the columns of a table that a model was trained on."""

from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api import types

from whence.datasets.frames import read_frame
from whence.datasets.tables import Table, class_name
from whence.errors import UsageError


def read_rows(path: str | Path, table: Table) -> tuple[pd.DataFrame, bool]:
    """The rows of a file with the table's columns, ids "new 0", "new 1", …, and whether they have a target.

    Columns that the table does not use are ignored. Raises :class:`UsageError` for a missing column, text among numbers
    (naming row and column), a target filled in some rows only, or a class that the table does not have.
    """
    frame = read_frame(path)
    missing = [column.name for column in table.columns if column.name not in frame]
    if missing:
        raise UsageError(f"{path} lacks the column {missing[0]!r}; it needs {', '.join(column.name for column in table.columns)}.")
    used = {}
    for column in table.columns:
        cells = frame[column.name]
        if column.kind == "number":
            used[column.name] = _numbers(cells, path)
        else:
            used[column.name] = cells.astype(object).map(lambda cell: None if pd.isna(cell) else class_name(cell)).astype(object)
    has_target = table.target in frame and bool(frame[table.target].notna().any())
    if has_target:
        used[table.target] = _targets(frame[table.target], table, path)
    return pd.DataFrame(used).set_axis([f"new {row}" for row in range(len(frame))], axis=0), has_target


def _numbers(cells: pd.Series, path: str | Path) -> pd.Series:
    filled = cells.dropna()
    values = pd.to_numeric(filled, errors="coerce")
    if values.isna().any() or np.isinf(values).any():
        row = int((values.isna() | np.isinf(values)).to_numpy().argmax())
        raise UsageError(
            f"Row {filled.index[row]} of {path} has {filled.iloc[row]!r} in column {cells.name!r}; put a number there or leave it empty."
        )
    return values.reindex(cells.index).astype(np.float64)


def _targets(cells: pd.Series, table: Table, path: str | Path) -> pd.Series:
    if cells.isna().any():
        raise UsageError(
            f"Row {int(cells.isna().to_numpy().argmax())} of {path} has no {table.target} where others have; fill it in all rows or in none."
        )
    if table.task == "regression":
        return _numbers(cells, path) if not types.is_bool_dtype(cells) else cells.astype(np.float64)
    named = cells.map(class_name).astype(object)
    unknown = [name for name in named if name not in table.classes]
    if unknown:
        raise UsageError(f"{path} has the {table.target} {unknown[0]!r}, which the table does not know; the classes are {', '.join(table.classes)}.")
    return named
