"""Where a data file is: a given path, the folder in WHENCE_DATA, the cache, or its usual public source."""

import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

from whence.errors import UsageError
from whence.progress import track

TIMEOUT = 60  # seconds without an answer
PIECE = 1 << 20


def locate(name: str, address: str, path: str | Path | None = None) -> Path:
    """The file ``name`` (such as "mnist/train-images-idx3-ubyte.gz").

    ``path`` is the file itself or a folder that holds it. A download is written under a temporary name and renamed when
    whole. Raises :class:`UsageError` where the file is nowhere.
    """
    if path is not None:
        places = [Path(path), Path(path) / name, Path(path) / Path(name).name]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise UsageError(f"There is no {Path(name).name} at {path}; give the file or the folder that holds it.")
        return found
    folders = [Path(os.environ["WHENCE_DATA"])] if os.environ.get("WHENCE_DATA") else []
    cache = Path(os.environ.get("WHENCE_CACHE") or Path.home() / ".cache" / "whence")
    for folder in (*folders, cache):
        if (folder / name).is_file():
            return folder / name
    return _downloaded(address, cache / name)


def _downloaded(address: str, place: Path) -> Path:
    rough = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer, rough.open("wb") as file:
            size = int(answer.headers.get("Content-Length") or 0)
            for piece in track(_pieces(answer), f"downloading {place.name}", -(-size // PIECE) or None):
                file.write(piece)
        if size and rough.stat().st_size != size:
            raise OSError(f"{rough.stat().st_size} of {size} bytes came")
        os.replace(rough, place)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise UsageError(
            f"{place.name} could not be fetched from {address} ({error}); give path=, or set WHENCE_DATA to a folder that holds it as shared there."
        ) from error
    finally:
        rough.unlink(missing_ok=True)
    return place


def _pieces(answer: object) -> Iterator[bytes]:
    while piece := answer.read(PIECE):  # type: ignore[attr-defined]
        yield piece
