"""What is shown of the MNIST networks: tables, and charts by weight decay and depth."""

import pandas as pd

from wherefrom_studies.findings import Figure
from wherefrom_studies.fragility.medians import NetworkResults
from wherefrom_studies.fragility.mnist.experiment import DECAY
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import curves


def compose(results: NetworkResults) -> Report:
    """Return the tables and figures."""
    tables = {"MNIST networks, each seed and query": results.each, "MNIST networks, medians over seeds": results.medians}
    return Report(tables, figures(results.medians))


def figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Draw rank correlation by weight decay and, in the full form, by depth."""
    frame = frame.rename(columns={"form": "influence of"})
    axes = {"y_title": "median Spearman with retraining", "categories": True, "domain": (0.0, 1.05)}
    one = frame[(frame["activation"] == "tanh") & (frame["depth"] == 1) & (frame["width"] == 4)]
    one = one.assign(order=one["decay"].astype(float)).sort_values("order", ascending=False)
    charts = {
        "mnist decay": Figure(
            curves(one, "decay", "spearman", "influence of", x_title="weight decay (l2)", **axes),
            "MNIST, one convolution of four channels and tanh: how well influence ranks some 18 images left out, by weight decay and by what it "
            "looks at; medians over seeds of each seed's median over six queries, with 95 % intervals.",
        )
    }
    deep = frame[(frame["width"] == 4) & (frame["decay"] == f"{DECAY:g}")]
    if deep["depth"].nunique() > 1:
        charts["mnist depth"] = Figure(
            curves(deep, "depth", "spearman", "influence of", panels="activation", width=210, x_title="convolutions", **axes),
            "The same with weight decay 0.005, by activation and depth. ReLU has no smooth minimum: its steps are counted.",
        )
    return charts
