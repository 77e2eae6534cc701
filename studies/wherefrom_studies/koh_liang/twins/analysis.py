"""What sets the two models apart, over seeds: how influence goes with nearness, and who the most helpful images are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Numbers, mean_of
from wherefrom_studies.koh_liang.twins.experiment import NETWORK, RBF
from wherefrom_studies.study import Study

HELPFUL = 20  # images
FIGURES = ("rank correlation with nearness", "nearest among the first", "other class among the first", "other class that helps")


@dataclass(frozen=True, eq=False)
class TwinResults:
    """The score of every image, means over queries for each seed and model, and the numbers made of them."""

    scores: pd.DataFrame
    means: pd.DataFrame
    numbers: Numbers


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    return {f"twins/{model}/{what}" for model in (RBF, NETWORK) for what in ("accuracy", *FIGURES)}


def analyse(scores: pd.DataFrame) -> TwinResults:
    """Return means over seeds for each model."""
    means, numbers = query_means(scores), {}
    for model, rows in means.groupby("model", sort=False):
        for column in means.columns.drop(["seed", "model"]):
            name = f"twins/{model}/{column}"
            numbers[name] = mean_of(name, rows[column], rows["seed"], bounds=(-1.0, 1.0) if "correlation" in column else (0.0, 1.0))
    return TwinResults(scores, means, numbers)


def query_means(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each seed and model, means over queries: how magnitude goes with nearness, and who the most helpful images are."""
    means = []
    for (seed, model), of_model in table.groupby(["seed", "model"], sort=False):
        each = []
        for _, rows in of_model.groupby("query"):
            first = rows.nlargest(HELPFUL, "score")
            near = set(rows.nsmallest(HELPFUL, "distance")["train"])
            each.append((
                wf.metrics.spearman(rows["score"].abs().to_numpy(), -rows["distance"].to_numpy()).value, float(first["train"].isin(near).mean()),
                float((~first["alike"]).mean()), float((rows[~rows["alike"]]["score"] > 0).mean()),
            ))  # fmt: skip
        figures = dict(zip(FIGURES, np.mean(each, 0), strict=True))
        means.append({"seed": seed, "model": model, "accuracy": of_model["accuracy"].iloc[0], **figures})
    return pd.DataFrame(means)
