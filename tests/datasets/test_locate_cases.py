"""Where files are looked for: several names, checksums, and every kind of failure in one sentence."""

import gzip
import hashlib
import http.client
import io
import urllib.request
from pathlib import Path

import pytest

from wherefrom import UsageError
from wherefrom.datasets import cifar10, enron1, mnist, sms_spam, titanic
from wherefrom.datasets.locate import TIMEOUT, locate


class Answer(io.BytesIO):
    def __init__(self, content: bytes, size: object = None) -> None:
        super().__init__(content)
        self.headers = {} if size == "none" else {"Content-Length": len(content) if size is None else size}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, no data folder and no network."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.delenv("WHEREFROM_DATA", raising=False)
    monkeypatch.setenv("WHEREFROM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return tmp_path / "cache"


def test_the_cache_is_in_the_home_folder_unless_named(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHEREFROM_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / ".cache" / "wherefrom").mkdir(parents=True)
    (tmp_path / ".cache" / "wherefrom" / "f").write_text("home")
    assert locate("f", "").read_text() == "home"


def test_the_first_of_several_names(cache: Path) -> None:
    cache.mkdir()
    (cache / "late").write_text("late")
    assert locate(("early", "late"), "").name == "late"
    (cache / "early").write_text("early")
    assert locate(("early", "late"), "").name == locate(("early", "late"), "", cache).name == "early"


def test_a_download_asks_once_with_a_timeout(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    content = bytes(range(256)) * 10_000  # in several pieces

    def answer(address: str, timeout: float) -> Answer:
        asked.append((address, timeout))
        return Answer(content, "none")

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    for _ in range(2):
        assert locate(("a", "d/b"), "http://x/b") == cache / "d" / "b"
    assert (cache / "d" / "b").read_bytes() == content and asked == [("http://x/b", TIMEOUT)]


def test_a_download_has_the_right_checksum(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"content")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answer(packed))
    assert locate("f.gz", "http://x", md5=hashlib.md5(b"content").hexdigest()).read_bytes() == packed
    for content in (gzip.compress(b"other"), packed[:-1], packed[:12] + b"\xff\xff" + packed[14:], b"<html>"):
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, content=content, **__: Answer(content))
        with pytest.raises(UsageError, match=r"g.gz could not be fetched from http://x "):
            locate("g.gz", "http://x", md5=hashlib.md5(b"content").hexdigest())
        assert [file.name for file in cache.iterdir()] == ["f.gz"]


@pytest.mark.parametrize("error", [OSError("down"), TimeoutError(), http.client.IncompleteRead(b""), ValueError("unknown url type")])
def test_each_failure_names_the_two_ways_out(cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(
        UsageError, match=r"^f could not be fetched from http://x \(.+\); give path=, or set WHEREFROM_DATA to a folder that holds d/f.$"
    ):
        locate("d/f", "http://x")


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(UsageError, match=r"could not be fetched .* set WHEREFROM_DATA"):
        locate("d/f", "http://x")


@pytest.mark.parametrize("load", [mnist, cifar10, titanic, enron1, sms_spam])
def test_without_data_and_network(cache: Path, tmp_path: Path, load: object) -> None:
    with pytest.raises(UsageError, match=r"\(no network\); give path=, or set WHEREFROM_DATA to a folder that holds "):
        load()  # type: ignore[operator]
    with pytest.raises(UsageError, match=r"There is no .* at .*; give path= the file or the folder that holds it."):
        load(path=tmp_path)  # type: ignore[operator]
