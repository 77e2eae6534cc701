"""What holds of the original's claims, of its trade-off table and of its recommendations, by the intervals of the numbers that say so."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Number, Numbers
from wherefrom_studies.titanic.models import INFLUENCE, LARGE, PAIR, TRACIN, UNDAMPED
from wherefrom_studies.titanic.removal.analysis import BEYOND, EARLY
from wherefrom_studies.titanic.scores.analysis import ACCURACY, HALF, TAIL, TAU, TOP_TEN
from wherefrom_studies.titanic.turned_labels.analysis import contrast_name
from wherefrom_studies.titanic.turned_labels.experiment import CHECKED, HYBRID, LOSS
from wherefrom_studies.titanic.variation.analysis import NEXT_SEED

CANNOT = "cannot be told"
BOUNDS = {  # whether 50 rows left out do harm, and 200
    (True, True): "no bound is seen at 50: they do harm already",
    (False, True): "holds: 50 do no harm, 200 do",
    (True, False): "no bound is seen: 50 do harm, 200 none",
    (False, False): "no harm is seen of 50 or of 200",
}


@dataclass(frozen=True)
class ClaimVerdict:
    """Of what kind a claim is, what it says, and whether it holds."""

    kind: str
    claim: str
    verdict: str

    @property
    def opening(self) -> str:
        """How the sentence begins that goes on with the evidence."""
        return f"{self.claim}: {self.verdict}."


def above(number: Number, bound: float = 0.0) -> int:
    """Return 1 or -1 where the interval lies on one side, else 0."""
    low, high = number.estimate.low, number.estimate.high
    return 0 if low is None or high is None else int(low > bound) - int(high < bound)


def by_side(number: Number, up: str, down: str, none: str = CANNOT) -> str:
    """Return the verdict of the side on which the interval lies."""
    return {1: up, -1: down, 0: none}[above(number)]


def judge(numbers: Numbers) -> tuple[ClaimVerdict, ...]:
    """Return the verdicts of five claims, the table's four rows and five recommendations."""
    kinds = {
        "claim": judge_curves(numbers) | judge_batches(numbers),
        "trade-off": judge_trade_offs(numbers),
        "recommendation": judge_recommendations(numbers),
    }
    return tuple(ClaimVerdict(kind, claim, verdict) for kind, verdicts in kinds.items() for claim, verdict in verdicts.items())


def judge_curves(numbers: Numbers) -> dict[str, str]:
    """Judge what it says of how influence falls with rank."""
    steep = all(above(numbers[f"{LARGE}/shape/{method}/early over late"], 1.0) > 0 for method in PAIR)
    return {
        "Both curves fall steeply, then level": "holds, of any scores" if steep else "does not hold",
        "Influence has the longer tail": by_side(numbers[TAIL], "holds", "the other way round"),
        "TracIn decays faster": by_side(numbers[HALF], "the other way round", "holds"),
    }


def judge_batches(numbers: Numbers) -> dict[str, str]:
    """Judge what it says that smaller batches do."""
    amplified = frozenset(above(numbers[name]) for name in TOP_TEN.values())
    return {
        "Smaller batches amplify the few": {frozenset({1}): "holds", frozenset({-1}): "the other way round"}.get(amplified, "mixed"),
        "Agreement grows as batches shrink": by_damping(above(numbers[TAU[INFLUENCE]]), above(numbers[TAU[UNDAMPED]])),
    }


def by_damping(damped: int, bare: int) -> str:
    """Return the verdict of the sides with damping and without."""
    if damped == bare:
        return {1: "holds", -1: "the other way round", 0: CANNOT}[damped]
    words = {1: "grows", -1: "shrinks", 0: CANNOT}
    return f"depends on damping: {words[damped]} with it, {words[bare]} without"


def judge_trade_offs(numbers: Numbers) -> dict[str, str]:
    """Judge the rows of its trade-off table."""
    return {
        "Immediate gain from leaving a few out": by_side(numbers[EARLY], "a gain", "a loss", "none to be seen"),
        "Ranking stability": by_side(numbers[NEXT_SEED], "TracIn is the steadier", "influence is the steadier"),
        "Cost": "both cheap; by memory influence of all layers is the dear one",
        "Interpretability": "cannot be measured as such; what can: influence says more with fewer rows, in a unit",
    }


def judge_recommendations(numbers: Numbers) -> dict[str, str]:
    """Judge what it advises."""
    fifty, more = (above(numbers[f"{LARGE}/removal/{TRACIN}/{count}/{BEYOND}"]) > 0 for count in (50, 200))
    outliers = numbers[contrast_name(TRACIN, LOSS, 5)]
    checked, hybrid = (numbers[contrast_name(ranking, TRACIN, 10)] for ranking in (CHECKED, HYBRID))
    return {
        "A batch size of 32 is ideal": by_side(numbers[ACCURACY], "no: 4 is better here", "holds against 4"),
        "TracIn with k = 1 to 5 finds outliers": by_side(outliers, "better than the loss", "worse than the loss", "no better than the loss"),
        "Influence as a cross-check": by_side(checked, "helps", "harms", "no gain to be seen"),
        "Leave at most 50 out": BOUNDS[fifty, more],
        "TracIn first, then influence": by_side(hybrid, "helps", "harms", "no gain to be seen"),
    }


def verdict_table(verdicts: Iterable[ClaimVerdict], texts: Iterable[str]) -> pd.DataFrame:
    """Return the verdicts as a table; the evidence is what stands behind each verdict among the study's sentences."""
    texts = tuple(texts)
    return pd.DataFrame(
        [
            {"kind": each.kind, "claim": each.claim, "verdict": each.verdict, "evidence": text.removeprefix(each.opening).strip()}
            for each in verdicts
            for text in texts
            if text.startswith(each.opening)
        ]
    )
