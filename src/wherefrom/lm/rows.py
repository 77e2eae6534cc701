"""Language data in the forms that people hold them, as rows: mappings of column names to values, with an id each."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from wherefrom.errors import UsageError, nearest

Row: TypeAlias = dict[str, Any]
LanguageData: TypeAlias = str | Path | Iterable[object]  # a file, a dataset, a table, columns, or a list of rows
FILES = (".jsonl", ".ndjson", ".json")
KNOWN = (
    "text", "prompt", "completion", "messages", "input_ids", "labels", "label", "span", "text_pair", "tokens", "id", "attention_mask", "position_ids",
    "completion_mask", "assistant_masks", "tools", "token_type_ids",
)  # fmt: skip


def rows_of(data: LanguageData, columns: Mapping[str, str] | None = None) -> tuple[list[Row], np.ndarray]:
    """Return the rows of a JSON-lines file, a dataset, a table, or a list of texts, mappings, conversations or token lists, and their ids.

    ``columns`` gives the names of the data's own columns by ours, such as ``{"text": "review"}``. Ids come from a column ``id`` where there is one.
    """
    plain = _plain(data)
    if not plain:
        raise UsageError("There are no rows; give at least one.")
    _check_columns(plain, columns or {})
    rows = [_named(row, columns or {}) for row in plain]
    given = ["id" in row for row in rows]
    if not any(given):
        return rows, np.arange(len(rows))
    if not all(given):
        raise UsageError(f"Row {given.index(False)} has no id and others have; give each one, or none.")
    ids = [row["id"] for row in rows]
    return rows, np.array(ids if all(isinstance(key, int) and not isinstance(key, bool) for key in ids) else [str(key) for key in ids])


def _plain(data: object) -> list[Any]:
    """The rows as they come."""
    whole = cast("Any", data)
    if isinstance(data, (str, Path)):
        return _file_rows(Path(data))
    if isinstance(data, Mapping) and data and all(hasattr(split, "column_names") for split in data.values()):
        raise UsageError(f"The data hold the splits {', '.join(map(repr, data))}; give one of them, such as data[{next(iter(data))!r}].")
    if hasattr(data, "column_names") and not hasattr(data, "__len__"):
        raise UsageError(f"{type(data).__name__}: samples come in order alone; give datasets.Dataset.from_list(list(data)).")
    if hasattr(data, "to_list") and hasattr(data, "column_names"):  # a dataset, whatever its format
        return whole.to_list()
    if hasattr(data, "to_dict") and hasattr(data, "columns"):  # a table of pandas
        return whole.to_dict("records")
    if isinstance(data, Mapping) or hasattr(data, "keys"):
        return _by_columns(dict(whole))
    if isinstance(data, Iterable):
        return list(data)
    raise UsageError(f"A {type(data).__name__} holds no rows; give a JSON-lines file, a datasets.Dataset, or a list of texts or mappings.")


def _by_columns(columns: Row) -> list[Row]:
    lists = {name: listed(values) for name, values in columns.items()}
    lengths = {name: len(values) for name, values in lists.items() if isinstance(values, Sequence)}
    if len(lengths) < len(lists) or len(set(lengths.values())) != 1 or any(isinstance(values, str) for values in lists.values()):
        raise UsageError("A mapping is read as columns of one length each; put a single row into a list: [row].")
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _file_rows(path: Path) -> list[Any]:
    if path.suffix.lower() not in FILES:
        raise UsageError(f"{str(path)!r} is no file of {', '.join(FILES)}; give such a file, or a text in a list: [text].")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        near = nearest(path.name, (file.name for file in path.parent.glob("*.json*"))) if path.parent.is_dir() else ""
        said = "is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read ({error.strerror}); check the path."
        raise UsageError(f"{path} {said}{near}") from error
    if path.suffix.lower() == ".json":
        whole = _parsed(text, str(path))
        return whole if isinstance(whole, list) else _by_columns(whole) if isinstance(whole, dict) else [whole]
    return [_parsed(line, f"Line {number} of {path}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where} is not JSON ({error}); put one JSON object on each line.") from error


def _named(row: Any, columns: Mapping[str, str]) -> Row:
    """A row under our names."""
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, Mapping) or hasattr(row, "keys"):
        ours = {theirs: name for name, theirs in columns.items()}
        return {ours.get(str(name), str(name)): value for name, value in dict(row).items()}
    plain = listed(row)
    if isinstance(plain, list) and plain:
        if all(isinstance(part, Mapping) and "role" in part for part in plain):
            return {"messages": plain}
        if all(isinstance(part, int) and not isinstance(part, bool) for part in plain):
            return {"input_ids": plain}
    raise UsageError(f"A row of type {type(row).__name__} is no text, mapping, conversation or list of token ids; give one of these.")


def _check_columns(rows: Sequence[Any], columns: Mapping[str, str]) -> None:
    for name, theirs in columns.items():
        if name not in KNOWN:
            raise UsageError(f"columns= names {name!r}, which means nothing here.{nearest(name, KNOWN)} Its keys are among {', '.join(KNOWN)}.")
        first = rows[0] if isinstance(rows[0], Mapping) else {}
        if not any(isinstance(row, Mapping) and theirs in row for row in rows):
            raise UsageError(f"No row has a column {theirs!r}.{nearest(theirs, first)} The first has {', '.join(first) or 'none'}.")


def listed(value: object) -> object:
    """Return tensors and arrays as lists, anything else as it is."""
    to_list: Callable[[], object] | None = getattr(value, "tolist", None)
    if to_list is not None:
        return to_list()
    return [listed(part) for part in value] if isinstance(value, (list, tuple)) else value
