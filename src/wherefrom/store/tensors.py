"""Named tensors with a manifest in one safetensors file, which stands whole or not at all."""

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.former_name import NAME, manifest_of
from wherefrom.types import Json

FORMAT = 1


def write_tensors(path: str | Path, kind: str, tensors: Mapping[str, Tensor], manifest: Mapping[str, Json]) -> Path:
    """Write under a temporary name beside ``path``, then rename; a failure leaves what stood there before."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    said = {NAME: json.dumps({"kind": kind, "format": FORMAT, **manifest})}
    try:
        save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, rough, metadata=said)
        os.replace(rough, path)
    except SafetensorError as error:  # a full disk, among others
        raise UsageError(f"{path} could not be written ({error}); free some space or choose another path.") from error
    finally:
        rough.unlink(missing_ok=True)
    return path


def read_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read back what :func:`write_tensors` wrote; refuse another kind, another format, or a damaged file."""
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"There is no {kind} file at {path}; check the path.")
    try:
        with safe_open(path, framework="pt") as file:
            manifest: dict[str, Any] = json.loads(manifest_of(file.metadata() or {}) or "{}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{path} is damaged or no safetensors file ({error}); fit and save it again.") from error
    if manifest.get("kind") != kind:
        raise UsageError(f"{path} holds {manifest.get('kind', 'something else')}, not {kind}; open it with what wrote it.")
    if manifest.get("format") != FORMAT:
        raise UsageError(f"{path} has store format {manifest.get('format')}, this wherefrom reads {FORMAT}; save it again.")
    return tensors, manifest
