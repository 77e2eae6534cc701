"""Verdicts follow their intervals, and the evidence cites numbers that are there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wherefrom.estimate import Estimate
from wherefrom_studies import Findings, Number
from wherefrom_studies.findings import Numbers
from wherefrom_studies.titanic import Titanic
from wherefrom_studies.titanic.models import PAIR
from wherefrom_studies.titanic.turned_labels.experiment import CHECKED, LOSS
from wherefrom_studies.titanic.verdicts import above, by_damping, by_side, judge, verdict_table


@pytest.fixture
def shifted(numbers: Numbers) -> Callable[..., dict[str, str]]:
    """The verdict of each claim with all numbers undecided but those whose name has a part given."""

    def asked(**sides: int) -> dict[str, str]:
        moved = dict.fromkeys(numbers, interval(0))
        for part, side in sides.items():
            moved |= {name: interval(side) for name in moved if part in name}
        return {one.claim: one.verdict for one in judge(moved)}

    return asked


def interval(side: int) -> Number:
    return Number(Estimate("x", side * 3.0, side * 3 - 1.0, side * 3 + 1.0, 0.95, 20))


@pytest.mark.parametrize(("low", "high", "side"), [(0.1, 0.3, 1), (-0.3, -0.1, -1), (-0.1, 0.1, 0), (None, None, 0)])
def test_a_verdict_follows_the_interval(low: float | None, high: float | None, side: int) -> None:
    number = Number(Estimate("x", 0.2, low, high, 0.95, 20))
    assert above(number) == side and by_side(number, "up", "down", "none") == {1: "up", -1: "down", 0: "none"}[side]


def test_a_bound_can_be_another_than_0() -> None:
    number = Number(Estimate("x", 1.2, 1.1, 1.3, 0.95, 20))
    assert (above(number), above(number, 1.0), above(number, 1.2), above(number, 1.5)) == (1, 1, 0, -1)


@pytest.mark.parametrize(
    ("claim", "part", "up", "down", "none"),
    [
        ("Both curves fall steeply, then level", "early over late", "holds, of any scores", "does not hold", "does not hold"),
        ("Influence has the longer tail", "tail, influence", "holds", "the other way round", "cannot be told"),
        ("TracIn decays faster", "rank at half", "the other way round", "holds", "cannot be told"),
        ("Smaller batches amplify the few", "top ten at 4", "holds", "the other way round", "mixed"),
        ("Agreement grows as batches shrink", "tau at 4", "holds", "the other way round", "cannot be told"),
        ("Immediate gain from leaving a few out", "accuracy after", "a gain", "a loss", "none to be seen"),
        ("Ranking stability", "tau with the next", "TracIn is the steadier", "influence is the steadier", "cannot be told"),
        ("A batch size of 32 is ideal", "accuracy at 4", "no: 4 is better here", "holds against 4", "cannot be told"),
        ("TracIn with k = 1 to 5 finds outliers", f"less {LOSS}, first 5", "better than the loss", "worse than the loss", "no better than the loss"),
        ("Influence as a cross-check", f"{CHECKED} less {PAIR[1]}", "helps", "harms", "no gain to be seen"),
        ("TracIn first, then influence", f"then influence less {PAIR[1]}", "helps", "harms", "no gain to be seen"),
    ],
)
def test_each_claim_is_judged_by_its_own_number(claim: str, part: str, up: str, down: str, none: str, shifted: Callable[..., dict[str, str]]) -> None:
    assert [shifted(**{part: side})[claim] for side in (1, -1, 0)] == [up, down, none]


def test_one_method_alone_does_not_carry_a_claim_about_both(shifted: Callable[..., dict[str, str]]) -> None:
    assert shifted(**{f"top ten at 4 less at 32, {PAIR[0]}": 1})["Smaller batches amplify the few"] == "mixed"
    assert shifted(**{f"shape/{PAIR[1]}/early": 1})["Both curves fall steeply, then level"] == "does not hold"
    assert by_damping(1, -1) == "depends on damping: grows with it, shrinks without" and by_damping(1, 0).endswith("cannot be told without")


def test_the_table_has_the_evidence_of_all_fourteen(numbers: Numbers, tmp_path: Path) -> None:
    every, study = judge(numbers), Titanic(tmp_path, quick=True)
    assert [one.kind for one in every] == ["claim"] * 5 + ["trade-off"] * 4 + ["recommendation"] * 5
    findings = Findings(numbers=numbers, sentences=study.sentences(numbers).findings)
    shown = verdict_table(every, findings.texts())
    assert len(shown) == 14 and shown["claim"].is_unique and not shown["evidence"].str.contains("{", regex=False).any()
    assert [f"{row.claim}: {row.verdict}. {row.evidence}" for row in shown.itertuples()] == list(findings.texts()[:14])


@pytest.mark.parametrize(("fifty", "more", "verdict"), [(1, 1, "no bound is seen"), (0, 1, "holds"), (0, 0, "no harm is seen")])
def test_a_bound_of_50_holds_only_where_50_do_no_harm(shifted: Callable[..., dict[str, str]], fifty: int, more: int, verdict: str) -> None:
    found = shifted(**{f"{PAIR[1]}/50/log loss beyond": fifty, f"{PAIR[1]}/200/log loss beyond": more})
    assert found["Leave at most 50 out"].startswith(verdict)
