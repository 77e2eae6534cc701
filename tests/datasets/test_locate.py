"""Where files are looked for, and what a download leaves."""

import io
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import wherefrom as wf
from wherefrom.datasets.locate import locate


class Answer(io.BytesIO):
    def __init__(self, content: bytes, size: int | None = None) -> None:
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content) if size is None else size)}


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WHEREFROM_DATA", raising=False)
    monkeypatch.setenv("WHEREFROM_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_path_then_folder_then_cache(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data", "cache", "own"):
        (nowhere / folder / "d").mkdir(parents=True)
        (nowhere / folder / "d" / "f").write_text(folder)
    assert locate("d/f", "").read_text() == "cache"
    monkeypatch.setenv("WHEREFROM_DATA", str(nowhere / "data"))
    assert locate("d/f", "").read_text() == "data"
    assert locate("d/f", "", nowhere / "own").read_text() == locate("d/f", "", nowhere / "own" / "d").read_text() == "own"
    assert locate("d/f", "", nowhere / "own" / "d" / "f").read_text() == "own"
    with pytest.raises(wf.UsageError, match="There is no f at"):
        locate("d/f", "", nowhere)


def test_a_download_goes_to_the_cache(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: Answer(b"content"))
    assert locate("d/f", "http://x/f").read_bytes() == b"content"
    assert [path.name for path in (nowhere / "cache" / "d").iterdir()] == ["f"]


@pytest.mark.parametrize("cut", [True, False])
def test_a_download_that_fails_leaves_nothing(nowhere: Path, monkeypatch: pytest.MonkeyPatch, cut: bool) -> None:
    def answer(*_: object, **__: object) -> Answer:
        if cut:
            return Answer(b"half", size=8)
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(wf.UsageError, match="could not be fetched from http://x/f .*WHEREFROM_DATA"):
        locate("d/f", "http://x/f")
    assert not list((nowhere / "cache" / "d").iterdir())
