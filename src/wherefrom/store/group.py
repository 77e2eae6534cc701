"""Named arrays with a manifest in one zarr folder: checksummed chunks, written under a temporary name, renamed when whole."""

import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wherefrom.errors import UsageError
from wherefrom.former_name import NAME, manifest_of
from wherefrom.types import Json

if TYPE_CHECKING:
    import zarr

FORMAT = 1
CHUNK_BYTES = 4 << 20


class ArrayWriter:
    """Write one group; nothing stands under ``path`` until :meth:`close`, and what stood there stays until then."""

    def __init__(self, path: str | Path, kind: str) -> None:
        import zarr

        self.kind = kind
        self.remote = "://" in str(path)
        self.path = str(path) if self.remote else Path(path)
        if isinstance(self.path, Path):
            refuse_foreign(self.path, kind)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.target = self.path.parent / f".{self.path.name}.{uuid.uuid4().hex[:8]}"
        else:
            self.target = self.path
        self.group = zarr.open_group(str(self.target), mode="w")

    def create(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> "zarr.Array[Any]":
        """An empty array to be filled block by block."""
        from zarr.codecs import Crc32cCodec, ZstdCodec

        itemsize = np.dtype(dtype).itemsize
        rows = max(1, CHUNK_BYTES // max(1, itemsize * int(np.prod(shape[1:], dtype=np.int64))))
        columns = tuple(min(size, CHUNK_BYTES // itemsize) for size in shape[1:])
        chunks = tuple(max(1, size) for size in (min(rows, shape[0]), *columns))
        codecs = [ZstdCodec(level=1), Crc32cCodec()]
        return self.group.create_array(name, shape=shape, dtype=dtype, chunks=chunks, compressors=codecs)

    def add(self, name: str, values: np.ndarray) -> None:
        """A whole array; strings are kept as JSON text."""
        if values.dtype.kind in "UO":
            text = np.frombuffer(json.dumps(values.tolist()).encode(), dtype=np.uint8)
            array = self.create(name, text.shape, text.dtype)
            array.attrs["json"] = {"shape": list(values.shape)}
            array[:] = text
            return
        array = self.create(name, values.shape, values.dtype)
        array[...] = values

    def close(self, manifest: Mapping[str, Json]) -> None:
        """Write the manifest last, with the chunks that each array has, and put the group in its place."""
        chunks = {} if self.remote else {"chunks": {name: array.nchunks_initialized for name, array in self.group.arrays()}}
        self.group.attrs[NAME] = {"kind": self.kind, "format": FORMAT, **chunks, **manifest}
        if not isinstance(self.path, Path) or not isinstance(self.target, Path):
            return
        old = self.path.with_name(f"{self.target.name}.old")
        if self.path.exists():
            self.path.rename(old)
        self.target.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)

    def abandon(self) -> None:
        """Leave no trace of an unfinished group."""
        if isinstance(self.target, Path):
            shutil.rmtree(self.target, ignore_errors=True)


def write_group(path: str | Path, kind: str, arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Json]) -> None:
    """Write ``arrays`` and ``manifest`` to ``path`` as one group of the given kind, whole or not at all."""
    writer = ArrayWriter(path, kind)
    try:
        for name, values in arrays.items():
            writer.add(name, values)
        writer.close(manifest)
    except BaseException:
        writer.abandon()
        raise


def read_group(path: str | Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read back what :func:`write_group` wrote; refuse another kind, another format, or a damaged or lost chunk."""
    import zarr

    if "://" not in str(path) and not Path(path).exists():
        raise UsageError(f"There is no {kind} store at {path}; check the path.")
    try:
        group = zarr.open_group(str(path), mode="r")
        manifest: dict[str, Any] = dict(manifest_of(group.attrs) or {})
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} is not a wherefrom store; give a folder that wherefrom saved.") from error
    if manifest.get("kind") != kind:
        found = manifest.get("kind", "something else")
        raise UsageError(f"{path} holds {found}, not {kind}; open it with what wrote it.")
    if manifest.get("format") != FORMAT:
        raise UsageError(f"{path} has store format {manifest.get('format')}, this wherefrom reads {FORMAT}; save it again.")
    try:
        there = dict(group.arrays())
        for name, count in dict(manifest.get("chunks", {})).items():
            if name not in there or there[name].nchunks_initialized != count:  # a lost chunk would read as zeros
                raise ValueError(f"parts of {name!r} are missing")
        arrays = {name: _read(array) for name, array in there.items()}
    except Exception as error:  # zarr and its codecs raise many kinds for a damaged chunk
        raise UsageError(f"{path} is damaged ({error}); compute and save it again.") from error
    return arrays, manifest


@contextmanager
def whole(path: str | Path) -> Iterator[None]:
    """What is made of a store within this must be all there, and fit together; else the store is damaged."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path} is damaged ({str(error).rstrip('.')}); compute and save it again.") from error
    except (KeyError, TypeError, ValueError) as error:  # a manifest that somebody changed
        raise UsageError(f"{path} is damaged ({type(error).__name__}: {error}); compute and save it again.") from error


def _read(array: "zarr.Array[Any]") -> np.ndarray:
    values = np.asarray(array[...])
    if "json" not in array.attrs:
        return values
    shape: Any = dict(array.attrs["json"])["shape"]  # type: ignore[arg-type]
    return np.array(json.loads(values.tobytes()), dtype=str).reshape(shape)


def refuse_foreign(path: Path, kind: str) -> None:
    """Refuse a path that holds anything but a store of this kind."""
    if not path.exists():
        return
    try:
        known = (path / "zarr.json").exists() and manifest_of(json.loads((path / "zarr.json").read_text())["attributes"])["kind"] == kind
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        known = False
    if not known:
        raise UsageError(f"{path} exists and is no {kind} store of wherefrom; choose another path or remove it.")
