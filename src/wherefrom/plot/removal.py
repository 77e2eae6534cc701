"""Removal curves: how much worse the queries fare as more is left out, a band for each arm."""

import altair as alt
import pandas as pd

from wherefrom.metrics import RemovalCurves
from wherefrom.plot.style import QUERIES, Layered, inline

GREY = ["#6f7a85", "#b3b8be", "#d0d3d7"]
OWN = "random, classes as in each ranking"  # controls that belong to one ranking each


def removal(curves: RemovalCurves, *, n: int | None = None, unit: str = "loss change", width: int = 460, height: int = 300) -> Layered:
    """A line for each arm, rankings with their intervals over seeds; controls are grey and dashed. ``n``: training examples, for shares on x.

    Intervals are each arm's own; whether one lies above a control is told by the paired differences, not by whether bands meet.
    """
    controls = list(dict.fromkeys(control for _, control in curves.differences))
    shared = [name for name in controls if sum(control == name for _, control in curves.differences) > 1 or len(curves.differences) == len(controls)]
    arms = [name for name in curves.curves if name not in controls]
    rows = [
        {
            "arm": name, "shown": name if name in arms + shared else OWN, "left out": size / n if n else size,
            "change": one.value, "low": one.low, "high": one.high, "control": name in controls,
        }
        for name, points in curves.curves.items()
        for size, one in zip(curves.sizes, points, strict=True)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    grey = list(dict.fromkeys(frame["shown"][frame["control"]]))
    colours = [QUERIES[place % len(QUERIES)] for place in range(len(arms))] + [GREY[place % len(GREY)] for place in range(len(grey))]
    legend = alt.Legend(title=None, labelLimit=320, symbolOpacity=1, symbolType="stroke")
    colour = alt.Color("shown:N", sort=arms + grey, scale=alt.Scale(domain=arms + grey, range=colours), legend=legend)
    title = "share of the training examples left out" if n else "training examples left out"
    x = alt.X("left out:Q", title=title, axis=alt.Axis(format="~%" if n else "~g"), scale=alt.Scale(zero=False))
    y = alt.Y("change:Q", title=f"mean {unit}")
    dashes = alt.StrokeDash("control:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 4]]), legend=None)
    base = alt.Chart(inline(frame)).encode(x=x, color=colour, detail="arm:N")
    lines = base.mark_line(point=True).encode(y=y, strokeDash=dashes, tooltip=["arm:N", "left out:Q", "change:Q"])
    bands = alt.Chart(inline(frame[~frame["control"]].dropna())).mark_area(opacity=0.12).encode(x=x, y="low:Q", y2="high:Q", color=colour)
    return alt.layer(bands, lines).properties(width=width, height=height)
