"""What one held-out point does to a regression line (Cook 1977): the line fitted to all points and the line without one."""

from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from wherefrom.errors import UsageError
from wherefrom.plot.style import NEUTRAL, OPPONENT, PROPONENT, Layered, finite, inline
from wherefrom.types import Numbers


@dataclass(frozen=True)
class Refit:
    """One panel: a title, the position of the point left out, and the (intercept, slope) of the line refitted without it."""

    title: str
    left_out: int
    line: tuple[float, float]


def refitted_line(
    x: Numbers,
    y: Numbers,
    line: tuple[float, float],
    panels: tuple[Refit, ...],
    *,
    x_title: str = "x",
    y_title: str = "y",
    width: int = 320,
    height: int = 260,
) -> alt.HConcatChart:
    """The points (n,) with the ``line`` (intercept, slope) of all of them, a panel for each point left out, on common axes."""
    x, y = finite("x", x), finite("y", y)
    if x.ndim != 1 or x.shape != y.shape or not panels:
        raise UsageError(f"x has shape {x.shape} and y {y.shape}, with {len(panels)} panels; give two equal columns and at least one panel.")
    edges = np.array([x.min(), x.max()])
    lines = [(name, fit) for name, fit in (("all points", line), *((panel.title, panel.line) for panel in panels))]
    ends = np.concatenate([y, *(fit[0] + fit[1] * edges for _, fit in lines)])
    x_scale, y_scale = (alt.Scale(domain=[float(v.min()), float(v.max())], nice=True, zero=False) for v in (x, ends))

    def drawn(panel: Refit) -> Layered:
        points = pd.DataFrame({"x": x, "y": y, "point": np.where(np.arange(len(x)) == panel.left_out, "left out", "kept")})
        both = pd.concat(
            pd.DataFrame({"x": edges, "y": fit[0] + fit[1] * edges, "fit": name}) for name, fit in (("all points", line), ("refitted", panel.line))
        )
        dots = alt.Chart(inline(points)).mark_circle(opacity=0.85).encode(
            x=alt.X("x:Q", title=x_title, scale=x_scale),
            y=alt.Y("y:Q", title=y_title, scale=y_scale),
            color=alt.Color("point:N", scale=alt.Scale(domain=["kept", "left out"], range=[NEUTRAL, OPPONENT]), legend=alt.Legend(title=None)),
            size=alt.condition("datum.point == 'left out'", alt.value(140), alt.value(36)),
            tooltip=["x:Q", "y:Q", "point:N"],
        )  # fmt: skip
        fits = alt.Chart(both).mark_line(strokeWidth=2).encode(
            x="x:Q", y="y:Q",
            color=alt.Color("fit:N", scale=alt.Scale(domain=["all points", "refitted"], range=[NEUTRAL, PROPONENT]), legend=alt.Legend(title=None)),
            strokeDash=alt.StrokeDash("fit:N", scale=alt.Scale(domain=["all points", "refitted"], range=[[5, 4], [1, 0]]), legend=None),
        )  # fmt: skip
        return alt.layer(fits, dots).resolve_scale(color="independent").properties(width=width, height=height, title=panel.title)

    return alt.hconcat(*(drawn(panel) for panel in panels))
