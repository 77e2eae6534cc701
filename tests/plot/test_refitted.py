"""Two panels with their refitted lines."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import wherefrom as wf


def test_a_panel_for_each_refit() -> None:
    x, y = np.arange(5.0), np.arange(5.0)
    chart = wf.plot.refitted_line(x, y, (0.0, 1.0), (wf.plot.Refit("one", 0, (0.0, 1.0)), wf.plot.Refit("two", 4, (1.0, 0.5)))).to_dict()
    assert [panel["title"] for panel in chart["hconcat"]] == ["one", "two"]
    with pytest.raises(wf.UsageError, match="two equal columns"):
        wf.plot.refitted_line(x, y[:4], (0.0, 1.0), (wf.plot.Refit("one", 0, (0.0, 1.0)),))


def test_the_example_draws_its_figure(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["cooks_distance.py", "--out", str(tmp_path / "c.png")])
    runpy.run_path(str(root / "examples" / "cooks_distance.py"), run_name="__main__")
    assert (tmp_path / "c.png").stat().st_size > 10_000 and "outlying row 7" in capsys.readouterr().out
