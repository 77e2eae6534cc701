"""A grid of pictures: each query beside the training images that spoke for and against its prediction."""

import base64
import io
from collections.abc import Mapping
from typing import TypeAlias

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.plot.style import Layered
from wherefrom.scores import TopScores
from wherefrom.types import Id, Numbers, Texts

Images: TypeAlias = Mapping[int, np.ndarray | Tensor] | Mapping[str, np.ndarray | Tensor] | Mapping[Id, np.ndarray | Tensor]  # by id
SIZE = 72  # points of one picture


def examples(
    top: TopScores, train_images: Images, query_images: Images, *, labels: Texts | None = None, captions: Texts | None = None, count: int = 5,
) -> Layered:  # fmt: skip
    """One row for each query: its opponents, itself, its proponents, each with its id (or label) and score.

    Images map an id to (h, w), (c, h, w) or (h, w, c) numbers in [0, 1] or bytes; ``count`` is shown at each end.
    ``labels`` say what stands beneath a training image, ``captions`` beneath a query.
    """
    if top.opponents is None:
        raise UsageError("A grid needs both ends; rank by='proponents' or 'opponents', not by magnitude.")
    good, bad = (top.opponents, top) if top.by == "opponents" else (top, top.opponents)
    k = min(count, good.ids.shape[1])
    cells = []
    for row, query in enumerate(top.query_ids.tolist()):
        cells.append({"row": row, "column": 0, "url": picture_url(query_images[query]), "text": (captions or {}).get(query, f"query {query}")})
        for end, side in ((good, 1), (bad, -1)):
            for rank in range(k):
                key, score = end.ids[row, rank].item(), float(end.values[row, rank])
                text = f"{(labels or {}).get(key, key)}: {said(score)}"
                cells.append({"row": row, "column": side * (rank + 1) + 0.4 * side, "url": picture_url(train_images[key]), "text": text})
    frame, wide, high = pd.DataFrame(cells), (2 * k + 2) * (SIZE + 8), len(top.query_ids) * (SIZE + 26)
    x = alt.X("column:Q", axis=None, scale=alt.Scale(domain=[-k - 1.1, k + 1.1]))
    y = alt.Y("row:Q", axis=None, scale=alt.Scale(domain=[len(top.query_ids) - 0.4, -0.5]))
    pictures = alt.Chart(frame).mark_image(width=SIZE, height=SIZE).encode(x=x, y=y, url="url:N", tooltip="text")
    words = alt.Chart(frame).mark_text(dy=SIZE // 2 + 9, fontSize=9).encode(x=x, y=y, text="text")
    title = alt.TitleParams("opponents  ←  query  →  proponents", fontSize=12)
    return alt.layer(pictures, words).properties(width=wide, height=high, title=title)


def said(score: float) -> str:
    """Two digits with the sign, without a power of ten up to a million: there is no room for one beneath a picture."""
    return f"{float(f'{score:.2g}'):+.0f}" if 99.5 <= abs(score) < 1e6 else f"{score:+.2g}"


def picture_url(image: Numbers) -> str:
    """Return a PNG as a data address, of (h, w), (c, h, w) or (h, w, c) numbers in [0, 1] or bytes; small ones are enlarged."""
    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise UsageError(f"An image of shape {np.asarray(image).shape} cannot be drawn; give (h, w), (c, h, w) or (h, w, c) with 1 or 3 channels.")
    if pixels.dtype != np.uint8:
        pixels = (np.clip(np.nan_to_num(pixels.astype(np.float64)), 0, 1) * 255).round().astype(np.uint8)
    picture = Image.fromarray(pixels)
    times = max(1, SIZE // max(picture.size))
    picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
