"""Files that stand whole or not at all."""

import os
from pathlib import Path

import pytest

from wherefrom.store import write_whole


def test_writes_text_and_bytes_and_makes_the_folder(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "new" / "a.txt", "ä").read_text(encoding="utf-8") == "ä"
    assert write_whole(tmp_path / "b", b"\0").read_bytes() == b"\0"


def test_a_full_disk_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "a", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1
