"""Charts of several panels or rows: bands about lines, dots with intervals, clouds of points; colours by the name of the series."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

import wherefrom as wf
from wherefrom_studies.pictures import COLOURS, GREY

CHANCES = ("random", "chance")  # series drawn in grey dashes
MATCHED = "class-matched random"
SHAPES = ["circle", "square", "triangle-up", "cross", "diamond", "triangle-down", "triangle-right"]


def colours_of(series: Any, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The colour of each series in the order of the rows; what chance gives is grey."""
    names = list(dict.fromkeys(series))
    free = iter([colour for colour in COLOURS if colour not in (given or {}).values()] * 2)
    return {name: (given or {}).get(name) or (GREY if name in CHANCES else next(free)) for name in names}


def lines(
    frame: pd.DataFrame, *, x: str, x_title: str, y_title: str, log_x: bool = False, domain: list[float] | None = None,
    colours: Mapping[str, str] | None = None, width: int = 300, columns: int = 2,
) -> alt.TopLevelMixin:  # fmt: skip
    """A panel for each ``panel``; a line of ``value`` with its band for each ``series``; a column ``seeds`` is half a grey band about 0."""
    reach = float(frame["seeds"].max()) if "seeds" in frame else 0.0
    edges = [min(float(frame["low"].min()), -reach), max(float(frame["high"].max()), reach)]
    scale = alt.Scale(domain=domain or edges, nice=domain is None)
    of_x = alt.Scale(type="log", nice=False) if log_x else alt.Scale(zero=False, nice=False)
    horizontal = alt.X(f"{x}:Q", title=x_title, scale=of_x, axis=alt.Axis(tickCount=4, format=".6~g"))
    paint = _colour(colours_of(frame["series"], colours), "stroke")
    dashes = {name: [4, 3] if name in CHANCES else [2, 2] if name == MATCHED else [1, 0] for name in dict.fromkeys(frame["series"])}
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=list(dashes), range=list(dashes.values())), legend=None)
    low, value = (alt.Y(f"{column}:Q", scale=scale, title=y_title) for column in ("low", "value"))
    charts = []
    for panel, rows in frame.groupby("panel", sort=False):
        base = alt.Chart(wf.plot.inline(rows)).encode(x=horizontal, color=paint)
        layers = [
            base.mark_area(opacity=0.14, clip=True).encode(y=low, y2="high:Q"),
            base.mark_line(strokeWidth=2, clip=True).encode(y=value, strokeDash=dash),
        ]
        if "seeds" in rows:
            half = float(rows["seeds"].iloc[0])
            about = pd.DataFrame({x: [rows[x].min(), rows[x].max()], "low": -half, "high": half})
            layers.insert(0, alt.Chart(wf.plot.inline(about)).mark_area(color=GREY, opacity=0.25, clip=True).encode(x=horizontal, y=low, y2="high:Q"))
        charts.append(alt.layer(*layers).properties(width=width, height=190, title=_title(panel)))
    return alt.concat(*charts, columns=columns)


def dots(
    frame: pd.DataFrame, *, category: str, x_title: str, domain: list[float], log_x: bool = False, colours: Mapping[str, str] | None = None,
    width: int = 340,
) -> alt.TopLevelMixin:  # fmt: skip
    """A row for each ``category`` in the order of the rows; a dot with its interval, and a tick at its ``ceiling``, for each ``series``."""
    names, order, paint = list(dict.fromkeys(frame["series"])), list(dict.fromkeys(frame[category])), colours_of(frame["series"], colours)
    y: dict[str, Any] = {
        "y": alt.Y(f"{category}:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
        "yOffset": alt.YOffset("series:N", sort=names),
    }
    legend, places = _legend(1 if max(map(len, names)) > 30 else 2), SHAPES[: len(names)]
    colour = alt.Color("series:N", scale=alt.Scale(domain=names, range=[paint[name] for name in names]), legend=legend)
    shape = alt.Shape("series:N", scale=alt.Scale(domain=names, range=places), legend=legend)  # alike in all else, so that both are one legend
    if log_x:
        frame = frame.assign(**{each: frame[each].clip(lower=domain[0]) for each in ("low", "value")})  # a logarithmic axis has no place for 0
    base = alt.Chart(wf.plot.inline(frame.astype(object).where(frame.notna(), None))).encode(**y, color=colour)
    scale, axis = alt.Scale(domain=domain, type="log" if log_x else "linear"), alt.Axis(format=".6~g", tickCount=6)
    layers = [
        base.mark_point(filled=True, size=45).encode(x=alt.X("value:Q", title=x_title, scale=scale, axis=axis), shape=shape),
        base.mark_rule(clip=True).encode(x=alt.X("low:Q", scale=scale), x2="high:Q"),
    ]
    if "ceiling" in frame:
        ticks = base.transform_filter("datum.ceiling !== null").mark_tick(thickness=2, size=9)
        layers.append(ticks.encode(x=alt.X("ceiling:Q", scale=scale)))
    return alt.layer(*layers).properties(width=width, height=max(10 * len(names), 18) * len(order))


def clouds(frame: pd.DataFrame, *, x: str, y: str, x_title: str, y_title: str, size: int = 200) -> alt.TopLevelMixin:
    """A panel for each ``panel``, a point for each row."""
    axis, scale = alt.Axis(tickCount=4), alt.Scale(nice=False)
    axes: dict[str, Any] = {"x": alt.X(f"{x}:Q", title=x_title, axis=axis, scale=scale), "y": alt.Y(f"{y}:Q", title=y_title, axis=axis, scale=scale)}
    charts = [
        alt.Chart(wf.plot.inline(rows), width=size, height=size, title=_title(panel))
        .mark_circle(size=9, opacity=0.5, color=COLOURS[0])
        .encode(**axes)
        for panel, rows in frame.groupby("panel", sort=False)
    ]
    return alt.concat(*charts, columns=2)


def swarms(frame: pd.DataFrame, *, x: str, y: str, x_title: str, y_title: str, size: int = 230) -> alt.TopLevelMixin:
    """A panel for each ``panel`` with a vertical scale of its own, a point for each row in the colour of its ``series``."""
    paint, axis = _colour(colours_of(frame["series"]), "circle", 1), alt.Axis(tickCount=5, format=".6~g")
    scale = alt.Scale(zero=False, nice=True)
    axes: dict[str, Any] = {"x": alt.X(f"{x}:Q", title=x_title, axis=axis, scale=scale), "y": alt.Y(f"{y}:Q", title=y_title, axis=axis)}
    charts = [
        alt.Chart(wf.plot.inline(rows), width=size, height=size, title=_title(panel)).mark_circle(size=14, opacity=0.55).encode(**axes, color=paint)
        for panel, rows in frame.groupby("panel", sort=False)
    ]
    return alt.concat(*charts, columns=2)


def _legend(columns: int, **symbol: Any) -> alt.Legend:
    return alt.Legend(title=None, orient="bottom", columns=columns, labelLimit=420, symbolOpacity=1, **symbol)


def _colour(paint: Mapping[str, str], symbol: str, columns: int = 2) -> alt.Color:
    legend = _legend(columns, symbolType=symbol, symbolStrokeWidth=3)
    return alt.Color("series:N", sort=list(paint), scale=alt.Scale(domain=list(paint), range=list(paint.values())), legend=legend)


def _title(panel: object) -> alt.TitleParams:
    return alt.TitleParams(str(panel), fontSize=12, anchor="start")
