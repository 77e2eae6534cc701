"""What diversity costs: influence kept against diversity gained as its weight grows."""

import altair as alt
import pandas as pd

from wherefrom.plot.style import NEUTRAL, PROPONENT, Layered, inline
from wherefrom.selection import DivineSelection


def trade_off(selection: DivineSelection, *, width: int = 420, height: int = 260) -> Layered:
    """A point for each γ tried: its diversity on x, on y the share of the plain top m's influence that it keeps; the γ used is marked."""
    curve = selection.curve
    frame = pd.DataFrame({"γ": curve.gamma, "influence": curve.influence, "diversity": curve.diversity, "distance": curve.distance})
    x = alt.X("diversity:Q", title="diversity R(S)", scale=alt.Scale(zero=False))
    y = alt.Y("influence:Q", title="influence kept", axis=alt.Axis(format="%"), scale=alt.Scale(zero=False))
    shown = [alt.Tooltip(f"{name}:Q", format=".4g") for name in frame]
    path = alt.Chart(inline(frame)).mark_line(point=alt.OverlayMarkDef(color=NEUTRAL, size=30), color=NEUTRAL)
    used = alt.Chart(inline(frame[frame["γ"] == selection.gamma].assign(label=f"γ = {selection.gamma:.3g}")))
    marked = used.mark_circle(size=110, opacity=1, color=PROPONENT).encode(x=x, y=y, tooltip=shown)
    label = used.mark_text(align="right", baseline="top", dx=-8, dy=4, color=PROPONENT).encode(x=x, y=y, text="label:N")
    return alt.layer(path.encode(x=x, y=y, order="γ:Q", tooltip=shown), marked, label).properties(width=width, height=height)
