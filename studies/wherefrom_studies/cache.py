"""Expensive parts of a study that outlive a kill: each a table in a file of its own, named by its settings."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from wherefrom.store import write_whole


@dataclass(frozen=True)
class Kept:
    """A folder of parts. A part of other settings is another part; delete a file to have it computed again."""

    folder: Path

    def table(self, part: str, settings: Mapping[str, Any], work: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The table of a part: read where it was kept, else computed by ``work`` and kept with its settings and seconds."""
        said = json.dumps({"part": part, **settings}, sort_keys=True, default=str)
        place = self.folder / f"{part.replace(' ', '_')}-{hashlib.sha256(said.encode()).hexdigest()[:10]}.parquet"
        if place.is_file():
            return pd.read_parquet(place)
        start = time.monotonic()
        found = work()
        found.attrs = {"settings": said, "seconds": round(time.monotonic() - start, 2)}
        content = io.BytesIO()
        found.to_parquet(content)
        write_whole(place, content.getvalue())
        return found

    def rows(self, part: str, settings: Mapping[str, Any], work: Callable[[], list[dict[str, Any]]]) -> pd.DataFrame:
        """The same of a list of rows."""
        return self.table(part, settings, lambda: pd.DataFrame(work()))
