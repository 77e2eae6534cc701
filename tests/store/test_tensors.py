"""Tensors on disk: whole or not at all, and refused where they are not what was asked for."""

from pathlib import Path

import pytest
import torch

import wherefrom as wf
from wherefrom.store import read_tensors, write_tensors


def test_round_trip_of_any_shape_and_type(tmp_path: Path) -> None:
    shared = torch.randn(4, 4)
    given = {"a": shared.T, "b": shared[1:], "c": torch.arange(3), "d": torch.tensor(2.0, dtype=torch.float64), "e": torch.ones(()).expand(2, 2)}
    found, manifest = read_tensors(write_tensors(tmp_path / "new" / "x.safetensors", "thing", given, {"n": 1}), "thing")
    assert manifest == {"kind": "thing", "format": 1, "n": 1} and found.keys() == given.keys()
    for name, value in given.items():
        torch.testing.assert_close(found[name], value)


def test_what_is_not_there_damaged_or_foreign_is_one_sentence(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "x", "thing", {"a": torch.ones(100)}, {})
    with pytest.raises(wf.UsageError, match="There is no thing file"):
        read_tensors(tmp_path / "y", "thing")
    with pytest.raises(wf.UsageError, match="holds thing, not other"):
        read_tensors(path, "other")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(wf.UsageError, match="is damaged or no safetensors file"):
        read_tensors(path, "thing")
    path.write_text("no file of tensors")
    with pytest.raises(wf.UsageError, match="is damaged or no safetensors file"):
        read_tensors(path, "thing")


def test_a_failed_write_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tensors(tmp_path / "x", "thing", {"a": torch.ones(3)}, {})

    def full(*_: object, **__: object) -> None:
        from safetensors import SafetensorError

        raise SafetensorError("No space left on device")

    monkeypatch.setattr("wherefrom.store.tensors.save_file", full)
    with pytest.raises(wf.UsageError, match="could not be written.*free some space"):
        write_tensors(path, "thing", {"a": torch.zeros(3)}, {})
    assert read_tensors(path, "thing")[0]["a"].sum() == 3 and list(tmp_path.iterdir()) == [path]
