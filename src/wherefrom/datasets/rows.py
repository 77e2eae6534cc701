"""New rows to ask about, in the columns of a table that a model was trained on."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from wherefrom.datasets.frames import read_frame
from wherefrom.datasets.tables import Table, class_name
from wherefrom.errors import UsageError, nearest


def read_rows(path: str | Path, table: Table) -> tuple[pd.DataFrame, bool]:
    """The rows of a file with the table's columns, ids "new 0", "new 1", …, and whether they have a target.

    Columns that the table does not use are ignored. Raises :class:`UsageError` for missing columns, text among numbers
    (naming row and column), a target filled in some rows only, or a class that the table does not have.
    """
    spelt = [column.name for column in table.columns if column.kind == "category"] + ([table.target] if table.classes else [])
    frame = read_frame(path, text=spelt)
    missing = [column.name for column in table.columns if column.name not in frame]
    if missing:
        raise UsageError(
            f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; add {'them' if missing[1:] else 'it'}.{_near(missing, frame)}"
        )
    used = {}
    for column in table.columns:
        cells = frame[column.name]
        used[column.name] = _numbers(cells, path) if column.kind == "number" else _named(cells, set(table.frame[column.name]))
    has_target = table.target in frame and bool(frame[table.target].notna().any())
    if has_target:
        used[table.target] = _targets(frame[table.target], table, path)
    return pd.DataFrame(used).set_axis([f"new {row}" for row in range(len(frame))], axis=0), has_target


def _near(missing: list[str], frame: pd.DataFrame) -> str:
    return next((near for name in missing if (near := nearest(name, frame.columns))), "")


def _numbers(cells: pd.Series, path: str | Path) -> pd.Series:
    filled = cells.dropna()
    values = pd.to_numeric(filled, errors="coerce").astype(np.float64)
    wrong = ~np.isfinite(values.to_numpy())
    if wrong.any():
        row = int(wrong.argmax())
        raise UsageError(
            f"Row {filled.index[row]} of {path} has {filled.iloc[row]!s} in column {cells.name!r}; put a number there or leave it empty."
        )
    return values.reindex(cells.index)


def _named(cells: pd.Series, known: Collection[object]) -> pd.Series:
    """Cells as the table spells them: "1.0" is "1" where the table knows "1" and not "1.0"."""
    return pd.Series([None if pd.isna(cell) else _spelling(cell, known) for cell in cells], index=cells.index, dtype=object)


def _spelling(cell: object, known: Collection[object]) -> str:
    name = class_name(cell)
    if name in known:
        return name
    try:
        number = class_name(float(name))
    except ValueError:
        return name
    return number if number in known else name


def _targets(cells: pd.Series, table: Table, path: str | Path) -> pd.Series:
    if cells.isna().any():
        raise UsageError(
            f"Row {int(cells.isna().to_numpy().argmax())} of {path} has no {table.target} where others have; fill it in all rows or in none."
        )
    if not table.classes:
        return _numbers(cells, path)
    named = _named(cells, table.classes)
    unknown = next((name for name in named if name not in table.classes), None)
    if unknown is not None:
        raise UsageError(f"{path} has the {table.target} {unknown!r}, which the table does not know; the classes are {', '.join(table.classes)}.")
    return named
