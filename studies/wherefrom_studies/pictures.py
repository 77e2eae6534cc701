"""The studies' charts: column width, axes with units, legends outside the data, colours that colour-blind people tell apart."""

from typing import Any

import altair as alt
import pandas as pd

import wherefrom as wf

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe & Ito 2008
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [10, 4], [1, 3]]
GREY = "#8a8f98"


def curves(
    frame: pd.DataFrame, x: str, y: str, series: str, *, x_title: str, y_title: str, categories: bool = False, panels: str | None = None,
    domain: tuple[float, float] | None = None, width: int = 340, height: int = 240,
) -> alt.TopLevelMixin:  # fmt: skip
    """A line with intervals (columns ``low``, ``high``) for each ``series``, told apart by colour, dash and shape; a panel for each of ``panels``."""
    closed = {edge: frame[edge].astype(float).fillna(frame[y]) if edge in frame else frame[y] for edge in ("low", "high")}
    frame, names = frame.assign(**closed), list(dict.fromkeys(frame[series]))
    low, high = domain or (float(closed["low"].min()), float(closed["high"].max()))
    scale = alt.Scale(domain=[low, high], nice=domain is None, zero=False)
    place: Any = alt.X(f"{x}:O", sort=None, axis=alt.Axis(labelAngle=0)) if categories else alt.X(f"{x}:Q", scale=alt.Scale(zero=False, padding=8))
    colour = alt.Color(f"{series}:N", sort=names, scale=alt.Scale(domain=names, range=COLOURS[: len(names)]), legend=_legend(series))
    dash = alt.StrokeDash(f"{series}:N", sort=names, scale=alt.Scale(domain=names, range=DASHES[: len(names)]), legend=None)
    value: Any = alt.Y(f"{y}:Q", title=y_title, scale=scale)
    charts = []
    for name, rows in [(None, frame)] if panels is None else frame.groupby(panels, sort=False):
        base = alt.Chart(wf.plot.inline(rows), width=width, height=height).encode(x=place.title(x_title), color=colour)
        layers = [
            base.mark_rule(opacity=0.6, clip=True).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
            base.mark_line(strokeWidth=2, clip=True).encode(y=value, strokeDash=dash),
            base.mark_point(filled=True, size=50, clip=True).encode(y=value, shape=alt.Shape(f"{series}:N", sort=names, legend=None)),
        ]
        chart = alt.layer(*layers)
        charts.append(chart if name is None else chart.properties(title=alt.TitleParams(str(name), fontSize=12, anchor="start")))
    return charts[0] if panels is None else alt.concat(*charts, columns=2)


def against(
    frame: pd.DataFrame, *, panels: str, unit: str, series: str | None = None, size: int = 190, columns: int = 2, alike: bool = True
) -> alt.TopLevelMixin:  # fmt: skip
    """A panel for each value of ``panels``: column ``predicted`` against column ``actual``, with the line y = x, on axes of one range each."""
    names = [] if series is None else list(dict.fromkeys(frame[series]))
    charts = []
    for name, rows in frame.groupby(panels, sort=False):
        both = rows[["predicted", "actual"]].to_numpy()
        edges = [float(both.min()), float(both.max())]
        x_range, y_range = (edges, edges) if alike else ([float(v) for v in (both[:, k].min(), both[:, k].max())] for k in (1, 0))
        x, y = _scale(x_range), _scale(y_range)
        axis = alt.Axis(format=".6~g", tickCount=4, labelOverlap=True)
        encoding: dict[str, Any] = {
            "x": alt.X("actual:Q", title=f"retrained {unit}", scale=x, axis=axis),
            "y": alt.Y("predicted:Q", title=f"predicted {unit}", scale=y, axis=axis),
        }  # fmt: skip
        if series is not None:
            encoding["color"] = alt.Color(f"{series}:N", sort=names, scale=alt.Scale(domain=names, range=COLOURS), legend=_legend(series))
        points = alt.Chart(wf.plot.inline(rows)).mark_circle(size=26, opacity=0.7, color=COLOURS[0]).encode(**encoding)
        low, high = max(x.domain[0], y.domain[0]), min(x.domain[1], y.domain[1])
        line = alt.Chart(wf.plot.inline(pd.DataFrame({"actual": [low, high], "predicted": [low, high]}))).mark_line(color=GREY, strokeDash=[5, 4])
        drawn = line.encode(x=alt.X("actual:Q", scale=x), y=alt.Y("predicted:Q", scale=y))
        charts.append(alt.layer(drawn, points).properties(width=size, height=size, title=alt.TitleParams(str(name), fontSize=12, anchor="start")))
    return alt.concat(*charts, columns=columns)


def bars(
    frame: pd.DataFrame, x: str, y: str, *, x_title: str, y_title: str, colour: str | None = None, width: int = 340, height: int = 220
) -> alt.TopLevelMixin:
    """A bar for each category of ``x`` in the order of the rows, coloured by the category of ``colour``."""
    encoding: dict[str, Any] = {"x": alt.X(f"{x}:N", sort=None, title=x_title, axis=alt.Axis(labelAngle=0)), "y": alt.Y(f"{y}:Q", title=y_title)}
    if colour is not None:
        names = list(dict.fromkeys(frame[colour]))
        encoding["color"] = alt.Color(f"{colour}:N", sort=names, scale=alt.Scale(domain=names, range=COLOURS), legend=_legend(colour))
    return alt.Chart(wf.plot.inline(frame), width=width, height=height).mark_bar(color=COLOURS[0]).encode(**encoding)


def _legend(title: str) -> alt.Legend:
    return alt.Legend(title=title, orient="bottom", columns=2, labelLimit=320, symbolType="square", symbolStrokeWidth=0, symbolOpacity=1)


def _scale(edges: list[float]) -> alt.Scale:
    margin = 0.05 * (edges[1] - edges[0]) or 1e-12
    return alt.Scale(domain=[edges[0] - margin, edges[1] + margin], nice=False)
