"""Methods beside each other: a map of agreement, and bars of stability with their intervals."""

from typing import Literal

import altair as alt
import pandas as pd

from wherefrom.compare import Consistency
from wherefrom.estimate import Estimate
from wherefrom.plot.style import NEUTRAL, OPPONENT, PROPONENT, Layered, inline

Figure = Literal["kuncheva", "kendall"]
TITLES = {"kuncheva": "top {k} in common beyond chance (Kuncheva; diagonal: over runs)", "kendall": "Kendall τ-b (diagonal: over runs)"}


def agreement(found: Consistency, *, figure: Figure = "kuncheva", cell: int = 58) -> Layered:
    """A cell for each pair of methods, 0 = chance; beneath each the ceiling that noise sets, and on the diagonal the method's own stability.

    A cell without a number is undefined or vacuous.
    """
    names, rows = list(found.stability), []
    for a in names:
        for b in names:
            estimate = _own(found, a, figure) if a == b else getattr(found.agreement.get((a, b)) or found.agreement[b, a], figure)
            rows.append({"method": a, "other": b, "value": estimate.value, "ceiling": estimate.ceiling, "said": str(estimate)})
    base = alt.Chart(inline(pd.DataFrame(rows).astype(object).where(lambda frame: frame.notna(), None))).encode(
        x=alt.X("other:N", sort=names, title=None, axis=alt.Axis(labelAngle=-35)), y=alt.Y("method:N", sort=names, title=None)
    )
    scale = alt.Scale(domain=[-1, 0, 1], range=[OPPONENT, "#f7f6f2", PROPONENT], interpolate="rgb")
    squares = base.mark_rect(stroke="white").encode(color=alt.Color("value:Q", scale=scale, legend=None), tooltip=["method:N", "other:N", "said:N"])
    dark = alt.condition("abs(datum.value) > 0.6", alt.value("white"), alt.value("#1d2026"))
    numbers = base.mark_text(dy=-6, fontSize=12).encode(text=alt.Text("value:Q", format=".2f"), color=dark)
    limits = base.transform_filter("datum.ceiling !== null").transform_calculate(limit="'of ' + format(datum.ceiling, '.2f')")
    title = TITLES[figure].format(k=found.k)
    chart = alt.layer(squares, numbers, limits.mark_text(dy=8, fontSize=9).encode(text="limit:N", color=dark))
    return chart.properties(width=cell * len(names), height=cell * 0.72 * len(names), title=title)


def stability(found: Consistency, *, width: int = 300) -> alt.HConcatChart:
    """Each method's Nogueira index of its top k over runs and its mean τ, with intervals over runs; 0 is chance."""
    panels = {"nogueira": f"stability of the top {found.k} (Nogueira)", "kendall": "stability of the ranking (mean τ-b)"}
    return alt.hconcat(*(_bars(found, name, title, width, place > 0) for place, (name, title) in enumerate(panels.items())))


def _bars(found: Consistency, name: str, title: str, width: int, bare: bool) -> Layered:
    frame = pd.DataFrame(
        [
            {"method": method, "value": one.value, "low": one.low, "high": one.high, "kind": "chance" if method == "random" else "method"}
            for method, figures in found.stability.items()
            if (one := getattr(figures, name)).value is not None
        ]
    )
    y = alt.Y("method:N", sort=list(found.stability), title=None, axis=None if bare else alt.Axis())
    lowest = min(0.0, *frame["value"], *frame["low"].dropna())
    x = alt.X("value:Q", title=title, scale=alt.Scale(domain=[lowest, 1.0], nice=True), axis=alt.Axis(tickCount=5))
    colour = alt.Color("kind:N", scale=alt.Scale(domain=["method", "chance"], range=[PROPONENT, NEUTRAL]), legend=None)
    bars = (
        alt.Chart(inline(frame))
        .mark_bar(opacity=0.75, height=14)
        .encode(x=x, y=y, color=colour, tooltip=["method:N", alt.Tooltip("value:Q", format=".3f")])
    )
    known = frame.dropna()
    whiskers = alt.Chart(inline(known)).mark_rule(strokeWidth=1.6, color="#1d2026").encode(x="low:Q", x2="high:Q", y=y)
    return alt.layer(bars, whiskers).properties(width=width, height=26 * len(found.stability))


def _own(found: Consistency, name: str, figure: Figure) -> Estimate:
    return found.stability[name].nogueira if figure == "kuncheva" else found.stability[name].kendall
