"""Colours, and how a chart becomes a file."""

from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

from wherefrom.errors import UsageError
from wherefrom.store import write_whole
from wherefrom.types import Ids, Numbers

Layered = alt.LayerChart | alt.FacetChart  # what altair says it returns; these charts are never facetted
PROPONENT, OPPONENT, NEUTRAL = "#2f6fb0", "#c8553d", "#8a8f98"
QUERIES = ["#2f6fb0", "#c8553d", "#4d9a6a", "#8d62a8", "#c99a2e", "#3c9fae", "#b0547c", "#6f7a85"]  # one colour for each query, then round again
FORMATS = (".png", ".svg", ".pdf", ".html", ".json")


def save(chart: alt.TopLevelMixin, path: str | Path, *, scale: float = 2.0) -> Path:
    """Write a chart as PNG, SVG, PDF, self-contained HTML or Vega-Lite JSON, by the file's ending; ``scale`` is PNG pixels per point."""
    path = Path(path)
    spec: dict[str, Any] = chart.to_dict()
    writers = {
        ".png": lambda: vl_convert.vegalite_to_png(spec, scale=scale),
        ".svg": lambda: vl_convert.vegalite_to_svg(spec),
        ".pdf": lambda: vl_convert.vegalite_to_pdf(spec),
        ".html": lambda: vl_convert.vegalite_to_html(spec, bundle=True),
        ".json": lambda: chart.to_json(),
    }
    if path.suffix.lower() not in writers:
        raise UsageError(f"A chart cannot be written as {path.name!r}; end the name in {', '.join(FORMATS)}.")
    return write_whole(path, writers[path.suffix.lower()]())


def inline(frame: pd.DataFrame) -> alt.InlineData:
    """Return the rows as data inside the chart, however many (altair refuses frames of more than 5,000)."""
    records: Any = frame.to_dict("records")
    return alt.InlineData(values=records)


def finite(name: str, values: Numbers) -> np.ndarray:
    """The values as float64, refused where one is not finite."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise UsageError(f"{name} holds values that are not finite; drop them before drawing.")
    return array


def names(ids: Ids | None, count: int, what: str) -> list[str]:
    """Ids as text, 0, 1, … where there are none."""
    listed = [str(key) for key in (range(count) if ids is None else np.asarray(ids).tolist())]
    if len(listed) != count:
        raise UsageError(f"{len(listed)} {what} ids for {count} {what} values; give one for each.")
    return listed
