"""How influence falls off with rank: the scores at both ends, and how many examples hold how much of it."""

import altair as alt
import numpy as np
import pandas as pd

from wherefrom.errors import UsageError
from wherefrom.plot.style import OPPONENT, PROPONENT, QUERIES, finite, inline
from wherefrom.scores import Scores, TopScores
from wherefrom.types import Id, Texts

POINTS = 400  # of one curve; more would not be seen


def ranks(top: TopScores, query: Id | None = None, *, labels: Texts | None = None, width: int = 420) -> alt.Chart:
    """A bar for each proponent and opponent of one query (default: the first), longest at both ends.

    ``labels`` maps a training id to the text beside its bar.
    """
    row = _row(top, query)
    ends = [end for end in (top, top.opponents) if end is not None]
    bars = {}  # an example at both ends of a short list is drawn once
    for end in ends:
        for key, score in zip(end.ids[row].tolist(), end.values[row].tolist(), strict=True):
            bars[str(key)] = (str((labels or {}).get(key, key)), score)
    frame = pd.DataFrame([{"example": key, "label": label, "score": score} for key, (label, score) in bars.items()])
    frame = frame.sort_values("score", ascending=False, kind="stable")
    frame["side"] = np.where(frame["score"] >= 0, "supports", "opposes")
    finite("scores", frame["score"])
    return (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("score:Q", title=f"score ({top.unit})", axis=alt.Axis(format="~g", tickCount=5)),
            y=alt.Y("label:N", sort=None, title=None),
            color=alt.Color("side:N", scale=alt.Scale(domain=["supports", "opposes"], range=[PROPONENT, OPPONENT]), legend=None),
            tooltip=["example", "label", alt.Tooltip("score:Q", format=".4g")],
        )
        .properties(width=width, title=f"query {top.query_ids[row]}")
    )


def cumulative(scores: Scores, *, width: int = 420, height: int = 260) -> alt.Chart:
    """The share of Σ|score| that the k most influential examples hold, k on x, a curve for each query.

    A curve that leaps up at once says that few examples made the prediction, one near the diagonal that nearly all did.
    """
    values = np.sort(np.abs(finite("scores", scores.values)), axis=1)[:, ::-1]
    total = values.sum(1, keepdims=True)
    shares = np.divide(values.cumsum(1), total, out=np.zeros_like(values), where=total > 0)
    places = np.unique(np.linspace(0, values.shape[1] - 1, POINTS).astype(int))
    frames = [
        pd.DataFrame({"query": str(key), "examples": places + 1, "share": shares[row, places]}) for row, key in enumerate(scores.query_ids.tolist())
    ]
    return (
        alt.Chart(inline(pd.concat(frames)))
        .mark_line()
        .encode(
            x=alt.X("examples:Q", title="most influential training examples"),
            y=alt.Y("share:Q", title="share of all influence", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("query:N", sort=None, scale=alt.Scale(range=QUERIES)),
            tooltip=["query:N", "examples:Q", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(width=width, height=height)
    )


def _row(top: TopScores, query: Id | None) -> int:
    if query is None:
        return 0
    places = np.flatnonzero(top.query_ids == query)
    if not len(places):
        raise UsageError(f"Query {query!r} is not among {top.query_ids.tolist()[:5]}; give one of the scored queries.")
    return int(places[0])
