"""Rank intervals: where each of a query's best examples may really stand."""

import altair as alt
import numpy as np
import pandas as pd

from wherefrom.errors import UsageError
from wherefrom.plot.style import NEUTRAL, OPPONENT, PROPONENT, Layered, inline
from wherefrom.types import Id, Texts
from wherefrom.uncertainty import Trust
from wherefrom.uncertainty.result import End


def intervals(
    trust: Trust, query: Id | None = None, *, end: End = "proponents", top: int = 15, labels: Texts | None = None, width: int = 360
) -> Layered:
    """A line from the best to the worst rank of each of the ``top`` examples of one query (default: the first), a dot at its rank.

    Those in colour are surely in the top k, left of the dashed line; ranks are on a logarithmic scale. ``labels`` maps a training id to the text
    beside its line.
    """
    places = [0] if query is None else np.flatnonzero(trust.scores.query_ids == query)
    if not len(places):
        raise UsageError(f"Query {query!r} is not among {trust.scores.query_ids.tolist()[:5]}; give one of the scored queries.")
    row, ranks, at = int(places[0]), trust.ranks[end], trust.rank(end)
    best = at[row].argsort(kind="stable")[:top]
    ids = trust.scores.train_ids[best].tolist()
    frame = pd.DataFrame({
        "example": [str(key) for key in ids], "label": [str((labels or {}).get(key, key)) for key in ids], "rank": at[row, best],
        "best": ranks.low[row, best], "worst": ranks.high[row, best], "in all runs": trust.inclusion[end][row, best],
    })  # fmt: skip
    frame["sure"] = np.where(frame["worst"] <= trust.k, f"surely in the top {trust.k}", "not sure")
    frame["row"] = frame["label"] + np.where(frame["label"] == frame["example"], "", " · " + frame["example"])
    colour = alt.Color(
        "sure:N", title=None, legend=alt.Legend(orient="bottom"),
        scale=alt.Scale(domain=[f"surely in the top {trust.k}", "not sure"], range=[PROPONENT if end == "proponents" else OPPONENT, NEUTRAL]),
    )  # fmt: skip
    scale = alt.Scale(type="log", domain=[0.9, max(10, trust.shares.shape[1])], nice=False)
    base = alt.Chart(inline(frame)).encode(y=alt.Y("row:N", sort=None, title=None, axis=alt.Axis(labelLimit=190)), color=colour)
    shown = ["label:N", "example:N", "rank:Q", "best:Q", "worst:Q", alt.Tooltip("in all runs:Q", format=".0%", title=f"in the top {trust.k} of runs")]
    x = alt.X("best:Q", title=f"rank among {trust.shares.shape[1]:,} training examples", scale=scale, axis=alt.Axis(format="~s", grid=False))
    lines = base.mark_rule(strokeWidth=3).encode(x=x, x2="worst:Q", tooltip=shown)
    dots = base.mark_circle(size=55, opacity=1).encode(x=alt.X("rank:Q", scale=scale), tooltip=shown)
    cut = alt.Chart(inline(pd.DataFrame({"k": [trust.k + 0.5]}))).mark_rule(strokeDash=[4, 4], color=NEUTRAL).encode(x=alt.X("k:Q", scale=scale))
    verdict = trust.verdicts[row].word
    return alt.layer(cut, lines, dots).properties(width=width, title=f"query {trust.scores.query_ids[row]}: {verdict}")
