"""Predicted against retrained change: the picture that proves, or disproves, an attribution (Koh & Liang 2017, figure 2)."""

import altair as alt
import numpy as np
import pandas as pd

from wherefrom.errors import UsageError
from wherefrom.plot.style import NEUTRAL, QUERIES, Layered, finite, inline, names
from wherefrom.types import Ids, Numbers


def scatter(
    *,
    predicted: Numbers,
    actual: Numbers,
    query_ids: Ids | None = None,
    train_ids: Ids | None = None,
    unit: str = "loss change",
    ranked: bool = False,
    width: int = 420,
    height: int = 420,
) -> Layered:
    """One point per (query, left-out example), ``actual`` on x and ``predicted`` on y, both (q, m), with the line y = x.

    Points on the line were predicted exactly; a colour for each query, ids in the tooltip. ``ranked`` scores, whose scale means
    nothing, get an axis of their own and no line.
    """
    x, y = finite("actual", actual), finite("predicted", predicted)
    if x.ndim != 2 or x.shape != y.shape:
        raise UsageError(f"predicted has shape {y.shape} and actual {x.shape}; both must be (queries, left-out examples).")
    x_scale, y_scale = (_scale(x), _scale(y)) if ranked else (_scale(np.stack([x, y])),) * 2
    axis = alt.Axis(format="~g", tickCount=5)
    points = (
        alt.Chart(_pairs(x, y, query_ids, train_ids))
        .mark_circle(size=38, opacity=0.65)
        .encode(
            x=alt.X("actual:Q", title=f"retrained {unit}", scale=x_scale, axis=axis),
            y=alt.Y("predicted:Q", title="score" if ranked else f"predicted {unit}", scale=y_scale, axis=axis),
            color=alt.Color("query:N", sort=None, scale=alt.Scale(range=QUERIES), legend=alt.Legend(title="query") if len(x) > 1 else None),
            tooltip=["query:N", "left out:N", alt.Tooltip("actual:Q", format=".4g"), alt.Tooltip("predicted:Q", format=".4g")],
        )
    )
    line = alt.Chart(inline(pd.DataFrame({"x": x_scale.domain, "y": x_scale.domain}))).mark_line(color=NEUTRAL, strokeDash=[5, 4])
    layers = [points] if ranked else [line.encode(x="x:Q", y="y:Q"), points]
    return alt.layer(*layers).properties(width=width, height=height)


def _pairs(actual: np.ndarray, predicted: np.ndarray, query_ids: Ids | None, train_ids: Ids | None) -> alt.InlineData:
    q, m = actual.shape
    queries, left_out = np.repeat(names(query_ids, q, "query"), m), np.tile(names(train_ids, m, "training"), q)
    return inline(pd.DataFrame({"actual": actual.ravel(), "predicted": predicted.ravel(), "query": queries, "left out": left_out}))


def _scale(values: np.ndarray) -> alt.Scale:
    """From the least to the largest value, with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 1e-12
    return alt.Scale(domain=[low - margin, high + margin], nice=False)
