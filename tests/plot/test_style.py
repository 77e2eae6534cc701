"""Charts as files."""

from pathlib import Path

import numpy as np
import pytest

import wherefrom as wf

CHART = wf.plot.scatter(predicted=np.eye(3), actual=np.eye(3))
STARTS = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF", ".html": b"<!DOCTYPE html>", ".json": b"{"}


@pytest.mark.parametrize("ending", STARTS)
def test_every_format(tmp_path: Path, ending: str) -> None:
    path = wf.plot.save(CHART, tmp_path / f"c{ending}")
    content = path.read_bytes()
    assert content.lstrip().lower().startswith(STARTS[ending].lower())
    assert ending != ".html" or b'src="http' not in content


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(wf.UsageError, match="end the name in .png"):
        wf.plot.save(CHART, tmp_path / "c.gif")
