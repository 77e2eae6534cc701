"""What is shown of the losses: a table, and the share of zeros."""

import pandas as pd

from wherefrom_studies.findings import Figure
from wherefrom_studies.panels import dots
from wherefrom_studies.part import Report
from wherefrom_studies.relatif.losses.analysis import LossResults, loss_number
from wherefrom_studies.relatif.losses.experiment import CLASSES, DECAYS, LOSSES


def compose(results: LossResults) -> Report:
    """Return the table and the figure."""
    rows = []
    for decay in DECAYS:
        for loss in LOSSES:
            mean = results.numbers[loss_number(loss, "zero", decay)].estimate
            series = "without weight decay" if decay == 0 else f"weight decay {decay:g}"
            rows.append({"loss": loss, "series": series, "value": mean.value, "low": mean.low, "high": mean.high})
    figure = Figure(
        dots(pd.DataFrame(rows), category="loss", x_title="share of influences that are exactly 0", domain=[0.0, 1.0]),
        f"A network of two convolutions on {CLASSES[0]}s and {CLASSES[1]}s by loss: means over seeds, 95 % intervals.",
    )
    return Report({"losses, each seed": results.each}, {"losses": figure})
