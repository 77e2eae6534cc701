"""A grid of pictures: a row for each thing shown, headings over the columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

import wherefrom as wf

SIZE = 84  # points of one picture


def gallery(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> alt.LayerChart:
    """Each row maps a column's heading to an image, (h, w), (c, h, w) or (h, w, c) in [0, 1]; ``names`` stand at the left of the rows."""
    headings, cells = list(rows[0]), []
    for number, row in enumerate(rows):
        for column, image in enumerate(row.values()):
            cells.append({"row": number, "column": column, "url": wf.plot.picture_url(image)})
    left = -1.9 if names else -0.55
    x, y = (
        alt.X("column:Q", axis=None, scale=alt.Scale(domain=[left, len(headings) - 0.45], nice=False)),
        alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[len(rows) - 0.45, -0.75], nice=False)),
    )
    pictures = alt.Chart(alt.InlineData(values=cells)).mark_image(width=SIZE, height=SIZE).encode(x=x, y=y, url="url:N")
    said = [{"row": -0.62, "column": column, "text": heading} for column, heading in enumerate(headings)]
    layers: list[alt.Chart] = [pictures, alt.Chart(alt.InlineData(values=said)).mark_text(fontSize=11).encode(x=x, y=y, text="text:N")]
    if names:
        at_left = [{"row": number, "column": -0.6, "text": name} for number, name in enumerate(names)]
        layers.append(alt.Chart(alt.InlineData(values=at_left)).mark_text(fontSize=11, align="right").encode(x=x, y=y, text="text:N"))
    width, height = (len(headings) - 0.45 - left) * (SIZE + 10), (len(rows) + 0.3) * (SIZE + 8)
    return alt.LayerChart(layer=layers).properties(width=width, height=height)
