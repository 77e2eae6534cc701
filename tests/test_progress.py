"""The bar appears only where one waits."""

import pytest

from wherefrom import progress
from wherefrom.progress import track


def test_yields_everything_and_stays_silent_when_quick(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(5), "counting", 5)) == list(track(range(5), "counting", show=False)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_a_bar_after_some_time(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    assert list(track(range(3), "counting", 3)) == [0, 1, 2]
    assert capsys.readouterr().out == ""
