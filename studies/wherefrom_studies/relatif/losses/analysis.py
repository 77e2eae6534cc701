"""What the losses give: means over seeds of zeros, ties and agreement by loss and weight decay."""

from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of
from wherefrom_studies.relatif.losses.experiment import DECAYS, LOSSES
from wherefrom_studies.study import Study

BOUNDS = {
    **dict.fromkeys(("accuracy", "zero", "without gradient", "queries without gradient", "tied pairs"), (0.0, 1.0)),
    "agreement with BCE": (-1.0, 1.0),
}


@dataclass(frozen=True, eq=False)
class LossResults:
    """A row for each weight decay, seed and loss, and the means."""

    each: pd.DataFrame
    numbers: Numbers


def loss_number(loss: str, figure: str, decay: float = DECAYS[-1]) -> str:
    """Return the name of a number of one loss."""
    return f"losses/{loss}/{decay:g}/{figure}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms; where no query has a gradient there is no agreement."""
    return {loss_number(loss, figure, decay) for loss in LOSSES for figure in BOUNDS for decay in DECAYS}


def analyse(table: pd.DataFrame) -> LossResults:
    """Return the mean of each figure over the seeds that have it."""
    numbers: dict[str, Number] = {}
    for decay in DECAYS:
        for loss in LOSSES:
            rows = table[(table["decay"] == decay) & (table["loss"] == loss)]
            for figure, bounds in BOUNDS.items():
                values = rows[rows[figure].notna()]
                if len(values):
                    numbers[loss_number(loss, figure, decay)] = mean_of(figure, values[figure], values["seed"], bounds=bounds)
    return LossResults(table, numbers)
