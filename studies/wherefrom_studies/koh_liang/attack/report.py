"""What is shown of the attack: the share flipped by how many images are changed, and some of the images."""

from typing import Any

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.koh_liang.attack.analysis import AttackResults
from wherefrom_studies.koh_liang.attack.experiment import DECAYS
from wherefrom_studies.koh_liang.flipping import RADIUS, draw_attack
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import curves

FIRST = f"attack/{DECAYS[0]:g}"  # of the weight decay of the original
BARS = (
    Bar(f"{FIRST}/flipped with 1", at_least=0.45, source="the paper: 0.57"),
    Bar(f"{FIRST}/flipped with 2", at_least=0.90, source="the paper: 0.77"),
    Bar(f"{FIRST}/flipped with 10", at_least=1.0, source="the paper: 590 of 591"),
    Bar(f"{FIRST}/times random", at_least=10, source="a re-run: 19 times"),
)


def compose(results: AttackResults) -> Report:
    """Return the rows, the chart and the images."""
    runs = results.runs
    axes: dict[str, Any] = {
        "x_title": "training images changed", "y_title": "share of predictions flipped", "categories": True, "domain": (0.0, 1.0)
    }  # fmt: skip
    figures = {
        "attack": Figure(
            curves(results.lines, "changed", "flipped", "arm", **axes),
            f"Fours and nines, {runs.size.asked} test digits of smallest margin: the share flipped by the number of training images changed, each "
            f"pixel by {RADIUS:g} at most; means over draws of the training images, 95 % intervals.",
        ),
        "attack images": Figure(
            draw_attack(runs.classifier, runs.places, runs.shown),
            "Four of those digits, the training image that was changed, what it became, and five times the difference.",
        ),
    }
    return Report({"attack, each digit": runs.rows}, figures)
