"""Rows from every form of data, with their ids; what is no data is refused with the fix."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.language import json_lines

import wherefrom as wf
from wherefrom.lm.rows import rows_of

datasets = pytest.importorskip("datasets")
ROWS = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]


def forms(folder: Path) -> dict[str, Any]:
    (folder / "rows.json").write_text('[{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]')
    whole = datasets.Dataset.from_list(ROWS)
    return {
        "JSON lines": json_lines(folder / "rows.jsonl", ROWS), "a path as text": str(folder / "rows.jsonl"), "a JSON array": folder / "rows.json",
        "a list": ROWS, "a dataset": whole, "a formatted one": whole.with_format("numpy"), "a table": pd.DataFrame(ROWS),
        "columns": {"id": ["a", "b"], "text": ["one", "two"]},
    }  # fmt: skip


def test_all_forms_give_the_same_rows(tmp_path: Path) -> None:
    for name, data in forms(tmp_path).items():
        rows, ids = rows_of(data)
        assert [row["text"] for row in rows] == ["one", "two"] and ids.tolist() == ["a", "b"], name


def test_texts_conversations_and_token_lists_are_rows() -> None:
    talk = [{"role": "user", "content": "hello"}]
    rows, ids = rows_of(["one", talk, [4, 5], torch.tensor([6, 7])])
    assert rows == [{"text": "one"}, {"messages": talk}, {"input_ids": [4, 5]}, {"input_ids": [6, 7]}] and ids.tolist() == [0, 1, 2, 3]
    tokens = {"input_ids": torch.tensor([[1, 2], [3, 4]]), "labels": np.array([0, 1])}
    assert rows_of(tokens)[0] == [{"input_ids": [1, 2], "labels": 0}, {"input_ids": [3, 4], "labels": 1}]


def test_columns_are_renamed_and_ids_are_whole_numbers_or_texts() -> None:
    rows, ids = rows_of([{"review": "good", "key": 7}, {"review": "bad", "key": 9}], {"text": "review", "id": "key"})
    assert [row["text"] for row in rows] == ["good", "bad"] and ids.tolist() == [7, 9] and ids.dtype.kind == "i"
    assert rows_of([{"text": "x", "id": 1}, {"text": "y", "id": "b"}])[1].tolist() == ["1", "b"]


@pytest.mark.parametrize(
    ("data", "columns", "said"),
    [
        ("missing.jsonl", None, "cannot be read"),
        ("the king", None, r"no file of .jsonl.*text in a list: \[text\]"),
        ([], None, "no rows"),
        ([{"text": "x", "id": 1}, {"text": "y"}], None, "Row 1 has no id and others have"),
        ([3.5], None, "A row of type float is no text"),
        (7, None, "A int holds no rows"),
        ({"text": "one"}, None, r"put a single row into a list: \[row\]"),
        (ROWS, {"txt": "text"}, "'txt', which means nothing here. Did you mean 'text'"),
        (ROWS, {"text": "texts"}, "No row has a column 'texts'. Did you mean 'text'"),
        (datasets.DatasetDict(train=datasets.Dataset.from_list(ROWS)), None, r"splits 'train'; give one of them, such as data\['train'\]"),
        (datasets.Dataset.from_list(ROWS).to_iterable_dataset(), None, "samples come in order alone; give datasets.Dataset.from_list"),
    ],
)
def test_what_is_no_data_is_refused(data: Any, columns: dict[str, str] | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(wf.UsageError, match=said):
        rows_of(data, columns)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "one"}\n\n{"text": \n')
    with pytest.raises(wf.UsageError, match=r"Line 3 of .*rows.jsonl is not JSON"):
        rows_of(tmp_path / "rows.jsonl")
    with pytest.raises(wf.UsageError, match="Did you mean 'rows.jsonl'"):
        rows_of(tmp_path / "row.jsonl")
    (tmp_path / "latin.jsonl").write_bytes('{"text": "é"}'.encode("latin-1"))
    with pytest.raises(wf.UsageError, match="is not text in UTF-8"):
        rows_of(tmp_path / "latin.jsonl")
