"""How much the damping matters: its criterion and the agreement of scores, as curves."""

import altair as alt
import numpy as np
import pandas as pd

from wherefrom.plot.style import PROPONENT
from wherefrom.solvers import DampingCurve


def damping(curve: DampingCurve, *, width: int = 420, height: int = 160) -> alt.VConcatChart:
    """The criterion and the scores' agreement with those at the chosen damping, which a line marks, against multiples of the mean eigenvalue.

    Dampings at which the solver refused are left out.
    """
    frame = pd.DataFrame({"multiple": curve.multiples, "criterion": curve.criterion, "agreement": curve.agreement})
    frame = frame[np.isfinite(frame["criterion"])]
    x = alt.X("multiple:Q", title="damping / mean eigenvalue", scale=alt.Scale(type="log"), axis=alt.Axis(format="~g"))
    rule = alt.Chart(pd.DataFrame({"multiple": [curve.chosen]})).mark_rule(strokeDash=[4, 3]).encode(x=x)
    titles = {"criterion": "held-out criterion", "agreement": "Spearman with the chosen"}
    panels = []
    for name, title in titles.items():
        y = alt.Y(f"{name}:Q", title=title, scale=alt.Scale(zero=False))
        line = alt.Chart(frame).mark_line(point=True, color=PROPONENT).encode(x=x, y=y, tooltip=["multiple", alt.Tooltip(f"{name}:Q", format=".4g")])
        panels.append(alt.layer(line, rule).properties(width=width, height=height))
    return alt.vconcat(*panels)
