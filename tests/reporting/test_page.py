"""The page: whole, offline, and safe from what texts hold."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.problems import problem

import wherefrom as wf
from wherefrom.reporting import Content, ExampleRow, QueryCard, write_report


def test_a_report_of_scores_and_truth(tmp_path: Path) -> None:
    case = problem("softmax")
    scores = wf.attribute(wf.InfluenceFunction(), case.problem, case.queries)
    truth = wf.leave_one_out(case.problem, scores.top(5).ids[0], case.queries, wf.train.newton())
    page = wf.report(tmp_path / "r.html", scores=scores, truth=truth, title="A <title>").read_text(encoding="utf-8")
    assert "A &lt;title&gt;" in page and "vegaEmbed" in page and "sign agreement" in page
    assert not re.search(r'(src|href)="(https?:)?//', page), "nothing is fetched"
    assert page.count("<script") == page.count("</script>") == 2


def test_without_truth_there_is_no_chart_and_the_reason_is_given(tmp_path: Path) -> None:
    case = problem("softmax")
    page = wf.report(tmp_path / "r.html", scores=wf.attribute(wf.GradientDot(), case.problem, case.queries)).read_text(encoding="utf-8")
    assert "Not proved" in page and "vegaEmbed" not in page and "arbitrary" in page


def test_verdicts_and_rank_intervals_are_shown(tmp_path: Path) -> None:
    case = problem("softmax")
    trust = wf.trust(wf.InfluenceFunction(), case.problem, case.queries, k=3)
    page = wf.report(tmp_path / "r.html", scores=trust.scores, trust=trust).read_text(encoding="utf-8")
    assert page.count('class="tag verdict') == len(trust.verdicts) and trust.verdicts[0].reason in page and 'vegaEmbed("#ranks"' in page
    low, high = (int(bounds[0, trust.rank()[0].argmin()]) for bounds in (trust.ranks["proponents"].low, trust.ranks["proponents"].high))
    assert f"rank {low} to {high}<" in page or f"rank {low}<" in page
    assert page.count("<script") == page.count("</script>") == 2 and "#scatter&quot;" not in page


def test_texts_cannot_break_out_and_pictures_are_inside(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    row = ExampleRow(evil, evil, 0.5, None, {evil: evil}, None, frozenset([evil]))
    picture = ExampleRow("p", score=1.0, image=np.zeros((8, 8)))
    cards = (QueryCard(evil, (row,), (row,), evil, evil, False, {evil: evil}), QueryCard("i", (picture,), (picture,), image=np.ones((8, 8))))
    page = write_report(tmp_path / "r.html", Content(evil, evil, cards, "loss change", None, evil, (row,), {evil: evil}, (evil,))).read_text()
    assert "<script>alert" not in page and page.count("data:image/png;base64,") == 3 and 'class="near"' in page


def test_a_failure_leaves_the_old_page(tmp_path: Path) -> None:
    (tmp_path / "r.html").write_text("old")
    with pytest.raises(wf.UsageError, match="cannot be drawn"):
        write_report(tmp_path / "r.html", Content("t", "l", (QueryCard("q", (), (), image=np.zeros(3)),), "u"))
    assert (tmp_path / "r.html").read_text() == "old" and len(list(tmp_path.iterdir())) == 1
