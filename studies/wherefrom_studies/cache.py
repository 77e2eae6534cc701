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

import wherefrom as wf


@dataclass(frozen=True)
class Cache:
    """A folder of tables. A part of other settings is another part; delete a file to have it computed again."""

    folder: Path

    def table(self, part: str, settings: Mapping[str, Any], work: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Read the table of a part, or compute it by ``work`` and write it with its settings and seconds."""
        described = json.dumps({"part": part, **settings}, sort_keys=True, default=str)
        place = self.folder / f"{part.replace(' ', '_')}-{hashlib.sha256(described.encode()).hexdigest()[:10]}.parquet"
        if place.is_file():
            return pd.read_parquet(place)
        start = time.monotonic()
        table = work()
        table.attrs = {"settings": described, "seconds": round(time.monotonic() - start, 2)}
        content = io.BytesIO()
        table.to_parquet(content)
        wf.reporting.write_whole(place, content.getvalue())
        return table

    def rows(self, part: str, settings: Mapping[str, Any], work: Callable[[], list[dict[str, Any]]]) -> pd.DataFrame:
        """Do the same with a list of rows."""
        return self.table(part, settings, lambda: pd.DataFrame(work()))
