"""Verdicts follow their intervals, and the evidence cites numbers that are there."""

from collections.abc import Callable

import pandas as pd
import pytest

from wherefrom.estimate import Estimate
from wherefrom_studies import Number
from wherefrom_studies.findings import CITED
from wherefrom_studies.titanic.models import PAIR
from wherefrom_studies.titanic.numbers import Numbers, Tables
from wherefrom_studies.titanic.planted import CHECKED, LOSS
from wherefrom_studies.titanic.verdicts import above, agreeing, contrasts, of, tabled, told, verdicts


@pytest.fixture
def shifted(tables: Tables, found: Numbers) -> Callable[..., dict[str, str]]:
    """The verdict of each claim with all numbers undecided but those whose name has a part given."""

    def asked(**sides: int) -> dict[str, str]:
        numbers = dict.fromkeys(found | contrasts(tables), interval(0))
        for part, side in sides.items():
            numbers |= {name: interval(side) for name in numbers if part in name}
        return {one.claim: one.verdict for one in verdicts(numbers)}

    return asked


def interval(side: int) -> Number:
    return Number(Estimate("x", side * 3.0, side * 3 - 1.0, side * 3 + 1.0, 0.95, 20))


@pytest.mark.parametrize(("low", "high", "side"), [(0.1, 0.3, 1), (-0.3, -0.1, -1), (-0.1, 0.1, 0), (None, None, 0)])
def test_a_verdict_follows_the_interval(low: float | None, high: float | None, side: int) -> None:
    number = Number(Estimate("x", 0.2, low, high, 0.95, 20))
    assert above(number) == side and told(number, "up", "down", "none") == {1: "up", -1: "down", 0: "none"}[side]


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
    assert agreeing(1, -1) == "depends on damping: grows with it, shrinks without" and agreeing(1, 0).endswith("cannot be told without")


def test_all_fourteen_cite_numbers_that_are_there(tables: Tables, found: Numbers) -> None:
    numbers = found | contrasts(tables)
    every = verdicts(numbers)
    assert [one.kind for one in every] == ["claim"] * 5 + ["trade-off"] * 4 + ["recommendation"] * 5
    for one in every:
        assert set(CITED.findall(one.evidence)) <= numbers.keys() and one.sentence() == f"{one.claim}: {one.verdict}. {one.evidence}"
    shown = tabled(every, numbers)
    assert not shown["evidence"].str.contains("{", regex=False).any() and shown["claim"].is_unique


def test_contrasts_are_differences_of_paired_seeds(tables: Tables) -> None:
    found = contrasts(tables)
    shapes = tables.measured["MLP, batches of 32"].shapes
    tail = [of(shapes, method=method).set_index("seed")["beyond 50"] for method in PAIR]
    assert found["contrast/tail, influence less TracIn"].estimate.value == pytest.approx((tail[0] - tail[1]).mean())
    tau = [
        of(tables.measured[name].agreement, method=PAIR[0], other=PAIR[1])["kendall"].mean() for name in ("MLP, batches of 4", "MLP, batches of 32")
    ]
    assert found[f"contrast/tau at 4 less at 32, {PAIR[0]}"].estimate.value == pytest.approx(tau[0] - tau[1])
    left = tables.removed["MLP, batches of 32"]
    few = left[left["arm"].isin(PAIR) & left["removed"].isin([1, 5])]
    assert found["contrast/accuracy after 1 or 5 left out"].estimate.value == pytest.approx(few["accuracy"].mean())


def test_rows_are_chosen_by_all_their_values() -> None:
    table = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"], "c": [1.0, 2.0, 3.0]})
    assert of(table, a=1, b="y")["c"].tolist() == [2.0] and len(of(table)) == 3


@pytest.mark.parametrize(("fifty", "more", "verdict"), [(1, 1, "no bound is seen"), (0, 1, "holds"), (0, 0, "no harm is seen")])
def test_a_bound_of_50_holds_only_where_50_do_no_harm(shifted: Callable[..., dict[str, str]], fifty: int, more: int, verdict: str) -> None:
    found = shifted(**{f"{PAIR[1]}/50/log loss beyond": fifty, f"{PAIR[1]}/200/log loss beyond": more})
    assert found["Leave at most 50 out"].startswith(verdict)
