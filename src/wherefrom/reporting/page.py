"""One self-contained HTML page: styles, charts and the code that draws them are inside, nothing is fetched."""

import json
import re
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from wherefrom import plot
from wherefrom.estimate import Estimate
from wherefrom.metrics import loo_correlation
from wherefrom.reporting.content import Content, Proof, plain_cards
from wherefrom.retraining import Outcomes
from wherefrom.scores import Scores
from wherefrom.store import write_whole
from wherefrom.uncertainty import Trust

PLAIN_WORDS = {
    "pearson": "how closely predicted and retrained changes lie on a line; 1 is perfect, 0 is chance",
    "spearman": "how far both put the training examples in the same order; 1 is perfect, 0 is chance",
    "slope": "predicted change for one unit of retrained change; 1 is perfect, below 1 understates",
    "intercept": "predicted change where retraining shows none; 0 is perfect",
    "sign agreement": "share of examples whose direction was predicted rightly; 0.5 is chance",
}


def report(
    path: str | Path, *, scores: Scores, truth: Outcomes | None = None, trust: Trust | None = None,
    title: str = "Where did these predictions come from?", top: int = 10,
) -> Path:  # fmt: skip
    """Write an HTML report of scores and, where there are any, of the outcomes of retraining and of how far the scores can be trusted.

    It shows each query's ``top`` proponents and opponents by id, with ``truth`` the scatter of predicted against retrained change with its
    figures, and with ``trust`` each query's verdict and rank intervals. For feature values, pictures and labels build a
    :class:`wherefrom.reporting.Content` and call :func:`wherefrom.reporting.write_report`.
    """
    proof = None
    if truth is not None:
        columns = [scores.select(ids).sum(1) for ids in truth.groups.values()]
        rows = [scores.query_ids.tolist().index(key) for key in truth.query_ids.tolist()]
        predicted = np.stack([column.numpy()[rows] for column in columns], 1)
        figures = loo_correlation(scores, truth).estimates()
        proof = Proof(predicted, truth.change.numpy(), truth.query_ids, np.array(list(truth.groups)), figures, truth.unit)
    lead = f"{len(scores.query_ids)} queries, {len(scores.train_ids)} training examples, scored by {scores.method}."
    cards = plain_cards(scores.top(min(top, len(scores.train_ids))), truth, trust)
    settings = {"method": scores.method, "unit": scores.unit}
    content = Content(title, lead, cards, scores.unit, proof, "No retraining was given.", settings=settings, notes=scores.notes, trust=trust)
    return write_report(path, content)


def write_report(path: str | Path, content: Content) -> Path:
    """Write the page; ``path`` holds the whole page or what it held before."""
    import vl_convert
    from jinja2 import Environment, StrictUndefined

    from wherefrom.plot.examples import picture_url

    here = resources.files("wherefrom.reporting")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"signed": _signed, "picture": picture_url, "figure": _figure}
    chart = None if content.proof is None else _scatter(content.proof, content.ranked)
    ranks = None if content.trust is None else _intervals(content)
    page = environment.from_string((here / "page.html.j2").read_text(encoding="utf-8")).render(
        content=content,
        words=PLAIN_WORDS,
        style=Markup((here / "page.css").read_text(encoding="utf-8")),
        chart=None if chart is None else _inlined(json.dumps(chart)),
        ranks=None if ranks is None else _inlined(json.dumps(ranks)),
        library=None if chart is None and ranks is None else _inlined(vl_convert.javascript_bundle()),  # pyright: ignore[reportCallIssue]
        figures=() if content.proof is None else [asdict(estimate) | {"text": _figure(estimate)} for estimate in content.proof.figures],
    )
    return write_whole(path, page)


def _scatter(proof: Proof, ranked: bool) -> dict[str, Any]:
    chart = plot.scatter(
        predicted=proof.predicted, actual=proof.actual, query_ids=proof.query_ids, train_ids=proof.train_ids, unit=proof.unit, ranked=ranked
    )
    return _plain(chart)


def _intervals(content: Content) -> dict[str, Any]:
    """A panel for each query, two in a row."""
    import altair as alt

    trust = content.trust
    assert trust is not None
    panels = [plot.intervals(trust, query) for query in trust.scores.query_ids]
    return _plain(alt.concat(*panels, columns=2))


def _plain(chart: Any) -> dict[str, Any]:
    """Colours that read on light and on dark paper alike: the page's style sets those of text."""
    return (
        chart.configure(background="transparent")
        .configure_axis(gridColor="#8883", domainColor="#888", tickColor="#888")
        .configure_view(stroke=None)
        .to_dict()
    )


def _inlined(script: str) -> Markup:
    """A script that cannot end its own element, wherever a text came from."""
    return Markup(re.sub(r"<(?=/script|!--)", r"\\x3C", script, flags=re.IGNORECASE))


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3g}".replace("-", "−")


def _figure(estimate: Estimate) -> str:
    if estimate.value is None:
        return estimate.status
    digits = ".2g" if estimate.name == "intercept" else ".4f"
    return f"{estimate.value:{digits}}".replace("-", "−")
