"""Predicted against retrained change: the picture that proves, or disproves, an attribution (Koh & Liang 2017, figure 2)."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from whence.errors import UsageError
from whence.plot.style import NEUTRAL, QUERIES, Layered, finite, inline, names


def scatter(
    *, predicted: Any, actual: Any, query_ids: Any = None, train_ids: Any = None, unit: str = "loss change", width: int = 420, height: int = 420
) -> Layered:
    """One point per (query, left-out example), ``actual`` on x and ``predicted`` on y, both (q, m), with the line y = x.

    Points on the line were predicted exactly; a colour for each query, ids in the tooltip.
    """
    x, y = finite("actual", actual), finite("predicted", predicted)
    if x.ndim != 2 or x.shape != y.shape:
        raise UsageError(f"predicted has shape {y.shape} and actual {x.shape}; both must be (queries, left-out examples).")
    q, m = x.shape
    frame = pd.DataFrame(
        {
            "actual": x.ravel(),
            "predicted": y.ravel(),
            "query": np.repeat(names(query_ids, q, "query"), m),
            "left out": np.tile(names(train_ids, m, "training"), q),
        }
    )
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    margin = 0.04 * (high - low) or 1e-12
    domain = alt.Scale(domain=[low - margin, high + margin], nice=False)
    line = alt.Chart(pd.DataFrame({"x": domain.domain, "y": domain.domain})).mark_line(color=NEUTRAL, strokeDash=[5, 4]).encode(x="x:Q", y="y:Q")
    axis = alt.Axis(format="~g", tickCount=5)
    points = (
        alt.Chart(inline(frame))
        .mark_circle(size=38, opacity=0.65)
        .encode(
            x=alt.X("actual:Q", title=f"retrained {unit}", scale=domain, axis=axis),
            y=alt.Y("predicted:Q", title=f"predicted {unit}", scale=domain, axis=axis),
            color=alt.Color("query:N", sort=None, scale=alt.Scale(range=QUERIES), legend=alt.Legend(title="query") if q > 1 else None),
            tooltip=["query:N", "left out:N", alt.Tooltip("actual:Q", format=".4g"), alt.Tooltip("predicted:Q", format=".4g")],
        )
    )
    return alt.layer(line, points).properties(width=width, height=height)
