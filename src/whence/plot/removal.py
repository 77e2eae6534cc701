"""Removal curves: how much worse the queries fare as more is left out, a band for each arm."""

import altair as alt
import pandas as pd

from whence.metrics import RemovalCurves
from whence.plot.style import QUERIES, Layered, inline

GREY = ["#6f7a85", "#a3a9b0", "#c3c7cc"]


def removal(curves: RemovalCurves, *, n: int | None = None, unit: str = "loss change", width: int = 460, height: int = 300) -> Layered:
    """A line for each arm with its interval over seeds; controls are grey and dashed. ``n``: training examples, for shares on x.

    Intervals are each arm's own; whether one lies above a control is told by the paired differences, not by whether bands meet.
    """
    controls = list(dict.fromkeys(control for _, control in curves.differences))
    arms = [name for name in curves.curves if name not in controls]
    rows = [
        {"arm": name, "left out": size / n if n else size, "change": one.value, "low": one.low, "high": one.high, "control": name in controls}
        for name, points in curves.curves.items()
        for size, one in zip(curves.sizes, points, strict=True)
    ]
    frame = pd.DataFrame(rows)
    colours = [QUERIES[place % len(QUERIES)] for place in range(len(arms))] + [GREY[place % len(GREY)] for place in range(len(controls))]
    colour = alt.Color(
        "arm:N", sort=arms + controls, scale=alt.Scale(domain=arms + controls, range=colours), legend=alt.Legend(title=None, labelLimit=320)
    )
    x = alt.X(
        "left out:Q",
        title="share of the training examples left out" if n else "training examples left out",
        axis=alt.Axis(format="~%" if n else "~g"),
    )
    y = alt.Y("change:Q", title=f"mean {unit} of the queries")
    dashes = alt.StrokeDash("control:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 4]]), legend=None)
    lines = alt.Chart(inline(frame)).mark_line(point=True).encode(x=x, y=y, color=colour, strokeDash=dashes, tooltip=["arm:N", "change:Q"])
    bands = alt.Chart(inline(frame.dropna())).mark_area(opacity=0.12).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    return alt.layer(bands, lines).properties(width=width, height=height)
