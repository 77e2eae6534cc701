"""Single files that stand whole or not at all."""

import os
import uuid
from pathlib import Path


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write under a temporary name beside ``path``, then rename; a failure leaves what stood there before."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        rough.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(rough, path)
    except BaseException:
        rough.unlink(missing_ok=True)
        raise
    return path
