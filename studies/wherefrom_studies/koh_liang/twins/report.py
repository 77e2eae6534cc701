"""What is shown of the two models: influence against distance, of one test image."""

import numpy as np

from wherefrom_studies.findings import Figure
from wherefrom_studies.koh_liang.twins.analysis import TwinResults
from wherefrom_studies.koh_liang.twins.experiment import CLASSES
from wherefrom_studies.panels import swarms
from wherefrom_studies.part import Report


def compose(results: TwinResults) -> Report:
    """Return the means of each seed, and the figure of the first seed's first test image."""
    scores = results.scores
    one = scores[(scores["seed"] == scores["seed"].iloc[0]) & (scores["query"] == scores["query"].iloc[0])]
    one = one.assign(panel=one["model"], series=np.where(one["alike"], "same class as the test image", "the other class"))
    figure = Figure(
        swarms(one, x="distance", y="score", x_title="Euclidean distance of pixels", y_title="influence (margin change)"),
        f"A test image of a {CLASSES[0]} that both models get right: the influence of each training image against its distance.",
    )
    return Report({"twins, each seed": results.means}, {"twins": figure})
