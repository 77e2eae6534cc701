"""Groups on disk: whole, checked, and nobody else's."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import wherefrom as wf
from wherefrom.store import ArrayWriter, read_group, write_group

ARRAYS = {"a": np.arange(12.0).reshape(3, 4), "names": np.array([["ä", "b"], ["c", "dd"]])}


def test_round_trip_and_overwriting(tmp_path: Path) -> None:
    write_group(tmp_path / "x", "kind", {"a": np.zeros(1)}, {})
    write_group(tmp_path / "x", "kind", ARRAYS, {"note": "n"})
    arrays, manifest = read_group(tmp_path / "x", "kind")
    assert np.array_equal(arrays["a"], ARRAYS["a"]) and np.array_equal(arrays["names"], ARRAYS["names"])
    assert manifest["note"] == "n" and [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_failure_leaves_what_stood_there(tmp_path: Path) -> None:
    write_group(tmp_path / "x", "kind", ARRAYS, {})
    with pytest.raises(AttributeError):
        write_group(tmp_path / "x", "kind", {"a": np.zeros(1), "b": None}, {})  # type: ignore[dict-item]
    assert np.array_equal(read_group(tmp_path / "x", "kind")[0]["a"], ARRAYS["a"])
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    writer = ArrayWriter(tmp_path / "y", "kind")
    writer.abandon()
    assert not (tmp_path / "y").exists()


def test_what_is_no_store_of_this_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="There is no kind store"):
        read_group(tmp_path / "none", "kind")
    (tmp_path / "other").mkdir()
    with pytest.raises(wf.UsageError, match="not a wherefrom store"):
        read_group(tmp_path / "other", "kind")
    with pytest.raises(wf.UsageError, match="is no kind store of wherefrom"):
        write_group(tmp_path / "other", "kind", ARRAYS, {})
    write_group(tmp_path / "x", "kind", ARRAYS, {})
    with pytest.raises(wf.UsageError, match="holds kind, not rows"):
        read_group(tmp_path / "x", "rows")


def test_another_format_and_a_damaged_chunk_are_refused(tmp_path: Path) -> None:
    write_group(tmp_path / "x", "kind", {"a": np.random.default_rng(0).normal(size=1000)}, {})
    chunk = next(path for path in (tmp_path / "x" / "a").rglob("*") if path.is_file() and path.name != "zarr.json")
    content = bytearray(chunk.read_bytes())
    content[50] ^= 255
    chunk.write_bytes(bytes(content))
    with pytest.raises(wf.UsageError, match="is damaged"):
        read_group(tmp_path / "x", "kind")
    write_group(tmp_path / "y", "kind", ARRAYS, {})
    manifest = tmp_path / "y" / "zarr.json"
    text = json.loads(manifest.read_text())
    text["attributes"]["wherefrom"]["format"] = 99
    manifest.write_text(json.dumps(text))
    with pytest.raises(wf.UsageError, match="store format 99"):
        read_group(tmp_path / "y", "kind")


def test_what_is_lost_is_not_read_as_zeros(tmp_path: Path) -> None:
    for lost in ("a/c/0/0", "a"):
        write_group(tmp_path / "x", "kind", ARRAYS, {})
        target = tmp_path / "x" / lost
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        with pytest.raises(wf.UsageError, match="is damaged .parts of 'a' are missing"):
            read_group(tmp_path / "x", "kind")
    write_group(tmp_path / "z", "kind", {"a": np.zeros((3, 3))}, {})
    assert not read_group(tmp_path / "z", "kind")[0]["a"].any()
