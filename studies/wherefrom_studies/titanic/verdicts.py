"""What holds of the original's claims, of its trade-off table and of its recommendations, each with the numbers that say so."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import CITED, Number, mean_of
from wherefrom_studies.titanic.models import PAIR, Setting
from wherefrom_studies.titanic.numbers import Numbers, Tables, contrast
from wherefrom_studies.titanic.planted import CHECKED, HYBRID, LOSS

LARGE, SMALL = Setting(batch=32).name, Setting(batch=4).name
INFLUENCE, TRACIN = PAIR
UNDAMPED = "influence, last layer, undamped"
CANNOT = "cannot be told"


@dataclass(frozen=True)
class Verdict:
    """Of what kind, what was said, whether it holds, and the evidence with the names of its numbers in braces."""

    kind: str
    claim: str
    verdict: str
    evidence: str

    def sentence(self) -> str:
        """As a finding."""
        return f"{self.claim}: {self.verdict}. {self.evidence}"


def contrasts(tables: Tables) -> Numbers:
    """Differences over paired seeds that the claims are about."""
    found: Numbers = {}

    def add(name: str, a: pd.DataFrame, b: pd.DataFrame, column: str) -> None:
        found[f"contrast/{name}"] = contrast(f"contrast/{name}", a, b, column)

    large, small = tables.measured[LARGE], tables.measured[SMALL]
    for column, said in (("beyond 50", "tail, influence less TracIn"), ("half", "rank at half, TracIn less influence")):
        first, second = PAIR if column == "beyond 50" else (TRACIN, INFLUENCE)
        add(said, of(large.shapes, method=first), of(large.shapes, method=second), column)
    for method in PAIR:
        add(f"top ten at 4 less at 32, {method}", of(small.shapes, method=method), of(large.shapes, method=method), "top ten")
    for method in (INFLUENCE, UNDAMPED):
        pair = {"method": method, "other": TRACIN}
        add(f"tau at 4 less at 32, {method}", of(small.agreement, **pair), of(large.agreement, **pair), "kendall")
    first = {name: one.costs[one.costs["method"] == TRACIN] for name, one in tables.measured.items()}
    add("accuracy at 4 less at 32", first[SMALL], first[LARGE], "accuracy")
    for length in (1, 5):
        rows = tables.planted[tables.planted["first"] == length]
        for other in (LOSS, INFLUENCE):
            add(f"turned labels, TracIn less {other}, first {length}", of(rows, ranking=TRACIN), of(rows, ranking=other), "found")
    for ranking in (CHECKED, HYBRID):
        rows = tables.planted[tables.planted["first"] == 10]
        for other in (TRACIN, LOSS):
            add(f"turned labels, {ranking} less {other}, first 10", of(rows, ranking=ranking), of(rows, ranking=other), "found")
    return found | steadiness(tables)


def steadiness(tables: Tables) -> Numbers:
    """Seed by seed against the next one: how much better TracIn repeats than influence."""
    rows = tables.varied[tables.varied["change"] == "another seed"]
    found = contrast("contrast/tau with the next seed, TracIn less influence", of(rows, method=TRACIN), of(rows, method=INFLUENCE), "kendall")
    large = tables.removed[LARGE]
    early = large[large["arm"].isin(PAIR) & (large["removed"] <= 5)].groupby("seed")["accuracy"].mean()
    gain = mean_of("contrast/accuracy after 1 or 5 left out", early, early.index)
    return {"contrast/tau with the next seed, TracIn less influence": found, "contrast/accuracy after 1 or 5 left out": gain}


def of(table: pd.DataFrame, **chosen: object) -> pd.DataFrame:
    """The rows with these values."""
    for column, value in chosen.items():
        table = table[table[column] == value]
    return table


BOUNDS = {  # whether 50 rows left out do harm, and 200
    (True, True): "no bound is seen at 50: they do harm already",
    (False, True): "holds: 50 do no harm, 200 do",
    (True, False): "no bound is seen: 50 do harm, 200 none",
    (False, False): "no harm is seen of 50 or of 200",
}


def above(number: Number, bound: float = 0.0) -> int:
    """1 or -1 where the interval lies on one side, else 0."""
    low, high = number.estimate.low, number.estimate.high
    return 0 if low is None or high is None else int(low > bound) - int(high < bound)


def told(number: Number, up: str, down: str, none: str = CANNOT) -> str:
    """A verdict by the side on which the interval lies."""
    return {1: up, -1: down, 0: none}[above(number)]


def verdicts(numbers: Numbers) -> tuple[Verdict, ...]:
    """Five claims, the table's four rows and five recommendations."""
    return (*claims(numbers), *table(numbers), *recommendations(numbers))


def claims(n: Numbers) -> list[Verdict]:
    """What it says of the curves and of batch sizes."""
    return [*of_curves(n), *of_batches(n)]


def of_curves(n: Numbers) -> list[Verdict]:
    """How influence falls with rank."""
    shape = f"{LARGE}/shape"
    steep = above(n[f"{shape}/{INFLUENCE}/early over late"], 1.0) > 0 and above(n[f"{shape}/{TRACIN}/early over late"], 1.0) > 0
    return [
        Verdict(
            "claim",
            "Both curves fall steeply, then level",
            "holds, of any scores" if steep else "does not hold",
            f"From rank 1 to 10 influence falls {{{shape}/{INFLUENCE}/early over late}} times as fast as from 100 to 200, TracIn "
            f"{{{shape}/{TRACIN}/early over late}} times, and sorted normal noise {{{shape}/random/early over late}} times.",
        ),
        Verdict(
            "claim",
            "Influence has the longer tail",
            told(n["contrast/tail, influence less TracIn"], "holds", "the other way round"),
            f"Beyond rank 50 lie {{{shape}/{INFLUENCE}/beyond 50}} of influence and {{{shape}/{TRACIN}/beyond 50}} of TracIn, a difference of "
            "{contrast/tail, influence less TracIn} over paired seeds.",
        ),
        Verdict(
            "claim",
            "TracIn decays faster",
            told(n["contrast/rank at half, TracIn less influence"], "the other way round", "holds"),
            f"Half of the largest is reached at rank {{{shape}/{TRACIN}/half}} by TracIn and {{{shape}/{INFLUENCE}/half}} by influence.",
        ),
    ]


def of_batches(n: Numbers) -> list[Verdict]:
    """What smaller batches do."""
    amplified = frozenset(above(n[f"contrast/top ten at 4 less at 32, {method}"]) for method in PAIR)
    tau, bare = n[f"contrast/tau at 4 less at 32, {INFLUENCE}"], n[f"contrast/tau at 4 less at 32, {UNDAMPED}"]
    return [
        Verdict(
            "claim",
            "Smaller batches amplify the few",
            {frozenset({1}): "holds", frozenset({-1}): "the other way round"}.get(amplified, "mixed"),
            "What the top ten hold, batches of 4 less batches of 32: influence "
            f"{{contrast/top ten at 4 less at 32, {INFLUENCE}}}, TracIn {{contrast/top ten at 4 less at 32, {TRACIN}}}.",
        ),
        Verdict(
            "claim",
            "Agreement grows as batches shrink",
            agreeing(above(tau), above(bare)),
            f"Kendall's tau at batches of 4 less at 32: {{contrast/tau at 4 less at 32, {INFLUENCE}}} damped and "
            f"{{contrast/tau at 4 less at 32, {UNDAMPED}}} undamped; queries of one network differ by "
            f"{{{LARGE}/agreement/{INFLUENCE} and {TRACIN}/between queries}}.",
        ),
    ]


def agreeing(damped: int, bare: int) -> str:
    """The verdict of the fifth claim, by both columns."""
    if damped == bare:
        return {1: "holds", -1: "the other way round", 0: CANNOT}[damped]
    return f"depends on damping: {said(damped)} with it, {said(bare)} without"


def said(side: int) -> str:
    """A direction in words."""
    return {1: "grows", -1: "shrinks", 0: CANNOT}[side]


def table(n: Numbers) -> list[Verdict]:
    """The rows of its trade-off table."""
    steady: Callable[[str], str] = lambda method: f"{{{LARGE}/stability/{method}/nogueira}}"  # noqa: E731
    gain = n["contrast/accuracy after 1 or 5 left out"]
    return [
        Verdict(
            "trade-off",
            "Immediate gain from leaving a few out",
            told(gain, "a gain", "a loss", "none to be seen"),
            "Leaving the first 1 or 5 out changes accuracy by {contrast/accuracy after 1 or 5 left out} on average; of {removal/cells} cells up to "
            "50 left out, {removal/cells inside the seed band} lie inside the band of the seed alone.",
        ),
        Verdict(
            "trade-off",
            "Ranking stability",
            told(n["contrast/tau with the next seed, TracIn less influence"], "TracIn is the steadier", "influence is the steadier"),
            f"Over seeds the top 50 agree at {steady(INFLUENCE)} (influence), {steady(UNDAMPED)} (undamped) and {steady(TRACIN)} (TracIn), chance 0; "
            "tau with the next seed differs by {contrast/tau with the next seed, TracIn less influence}.",
        ),
        Verdict(
            "trade-off",
            "Cost",
            "both cheap; by memory influence of all layers is the dear one",
            f"Seconds for 178 rows: influence {{{LARGE}/cost/{INFLUENCE}/seconds}} (last layer) and {{{LARGE}/cost/influence, all layers/seconds}} "
            f"(all), TracIn {{{LARGE}/cost/{TRACIN}/seconds}} and {{{LARGE}/cost/TracIn, all layers/seconds}}; bytes kept "
            f"{{{LARGE}/cost/{INFLUENCE}/bytes}}, {{{LARGE}/cost/influence, all layers/bytes}} and {{{LARGE}/cost/{TRACIN}/bytes}}.",
        ),
        Verdict(
            "trade-off",
            "Interpretability",
            "cannot be measured as such; what can: influence says more with fewer rows, in a unit",
            f"The top ten of 711 hold {{{LARGE}/shape/{INFLUENCE}/top ten}} of influence and {{{LARGE}/shape/{TRACIN}/top ten}} of TracIn (noise: "
            f"{{{LARGE}/shape/random/top ten}}); influence is a change of loss, TracIn has no unit.",
        ),
    ]


def recommendations(n: Numbers) -> list[Verdict]:
    """What it advises."""
    outliers, crossed, hybrid = of_turned_labels(n)
    fifty, more = (above(n[f"{LARGE}/removal/{TRACIN}/{count}/log loss beyond classes"]) > 0 for count in (50, 200))
    return [
        Verdict(
            "recommendation",
            "A batch size of 32 is ideal",
            told(n["contrast/accuracy at 4 less at 32"], "no: 4 is better here", "holds against 4"),
            f"Accuracy of the held-out rows is {{{LARGE}/accuracy}} with batches of 32 and {{{SMALL}/accuracy}} with 4, over paired seeds "
            "{contrast/accuracy at 4 less at 32}; ten epochs of small batches are more steps.",
        ),
        outliers,
        crossed,
        Verdict(
            "recommendation",
            "Leave at most 50 out",
            BOUNDS[fifty, more],
            f"Beyond random rows of the same classes, leaving TracIn's first 50 out raises the log loss by "
            f"{{{LARGE}/removal/{TRACIN}/50/log loss beyond classes}} and its first 200 by {{{LARGE}/removal/{TRACIN}/200/log loss beyond classes}}: "
            "50 of 711 are 7 %, not 0.7 %.",
        ),
        hybrid,
    ]


def of_turned_labels(n: Numbers) -> list[Verdict]:
    """What it advises for finding outliers, judged by labels turned round."""
    outliers = n[f"contrast/turned labels, TracIn less {LOSS}, first 5"]
    crossed, hybrid = (n[f"contrast/turned labels, {ranking} less {TRACIN}, first 10"] for ranking in (CHECKED, HYBRID))
    return [
        Verdict(
            "recommendation",
            "TracIn with k = 1 to 5 finds outliers",
            told(outliers, "better than the loss", "worse than the loss", "no better than the loss"),
            f"With a twentieth of the labels turned, {{turned labels/{TRACIN}/1/found}} of its first and {{turned labels/{TRACIN}/5/found}} of "
            f"its first five are turned ones; the plain loss has {{turned labels/{LOSS}/5/found}} (chance {{turned labels/chance}}), a difference of "
            f"{{contrast/turned labels, TracIn less {LOSS}, first 5}}.",
        ),
        Verdict(
            "recommendation",
            "Influence as a cross-check",
            told(crossed, "helps", "harms", "no gain to be seen"),
            f"Of the first ten that both name {{turned labels/{CHECKED}/10/found}} are turned, against TracIn's own ten "
            f"{{contrast/turned labels, {CHECKED} less {TRACIN}, first 10}}.",
        ),
        Verdict(
            "recommendation",
            "TracIn first, then influence",
            told(hybrid, "helps", "harms", "no gain to be seen"),
            f"Of its first ten {{turned labels/{HYBRID}/10/found}} are turned, against TracIn's own ten "
            f"{{contrast/turned labels, {HYBRID} less {TRACIN}, first 10}} and against the loss "
            f"{{contrast/turned labels, {HYBRID} less {LOSS}, first 10}}.",
        ),
    ]


def tabled(found: tuple[Verdict, ...], numbers: Numbers) -> pd.DataFrame:
    """The verdicts as a table, with their numbers put in."""
    return pd.DataFrame(
        [
            {"kind": one.kind, "claim": one.claim, "verdict": one.verdict, "evidence": CITED.sub(lambda hit: str(numbers[hit[1]]), one.evidence)}
            for one in found
        ]
    )
