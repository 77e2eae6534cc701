"""Where a data file is: a given path, the folder in WHEREFROM_DATA, the cache, or its usual public source."""

import contextlib
import gzip
import hashlib
import http.client
import os
import urllib.request
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wherefrom.datasets.frames import reason
from wherefrom.errors import UsageError
from wherefrom.former_name import FORMER_NAME, NAME, setting
from wherefrom.progress import track

TIMEOUT = 60  # seconds without an answer
PIECE = 1 << 20


def locate(names: str | tuple[str, ...], address: str, path: str | Path | None = None, *, md5: str | None = None) -> Path:
    """The file, or the first of the files, called ``names`` (such as "mnist/train-images-idx3-ubyte.gz"); ``address`` gives the last.

    ``path`` is the file itself or a folder that holds it. A download is written under a temporary name and renamed when
    whole and, where an ``md5`` of what it unpacks to is known, right. Raises :class:`UsageError` where the file is nowhere.
    """
    names = (names,) if isinstance(names, str) else names
    wanted = " or ".join(Path(name).name for name in names)
    if path is not None:
        places = [Path(path)] + [Path(path) / there for name in names for there in (name, Path(name).name)]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise UsageError(f"There is no {wanted} at {path}; give path= the file or the folder that holds it.")
        return found
    named = setting("DATA")
    folders = [Path(named)] if named else []
    caches = Path.home() / ".cache"
    cache = Path(setting("CACHE") or caches / NAME)
    for folder in (*folders, cache, caches / FORMER_NAME):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return _downloaded(address, cache / names[-1], " or ".join(names), md5)


def _downloaded(address: str, place: Path, wanted: str, md5: str | None) -> Path:
    rough = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer, rough.open("wb") as file:
            size = int(answer.headers.get("Content-Length") or 0)
            for piece in track(_pieces(answer), f"downloading {place.name}", -(-size // PIECE) or None):
                file.write(piece)
        if size and rough.stat().st_size != size:
            raise OSError(f"{rough.stat().st_size} of {size} bytes came")
        if md5 is not None and hashlib.md5(unpacked(rough)).hexdigest() != md5:
            raise OSError(f"what came has not the md5 {md5}")
        os.replace(rough, place)
    except (OSError, EOFError, ValueError, zlib.error, http.client.HTTPException) as error:
        raise UsageError(
            f"{place.name} could not be fetched from {address} ({reason(error)}); give path=, or set WHEREFROM_DATA to a folder that holds {wanted}."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            rough.unlink(missing_ok=True)
    return place


def _pieces(answer: Any) -> Iterator[bytes]:
    while piece := answer.read(PIECE):
        yield piece


def unpacked(file: Path) -> bytes:
    """What a file holds, gzipped or not; raises OSError, EOFError or zlib.error where it is damaged."""
    content = file.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
