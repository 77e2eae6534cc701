"""What is shown of the Iris networks: tables, charts by depth, layers and width, and the bars."""

import pandas as pd

from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.fragility.iris.analysis import iris_number
from wherefrom_studies.fragility.iris.experiment import ALL, DECAY
from wherefrom_studies.fragility.medians import NetworkResults
from wherefrom_studies.part import Report
from wherefrom_studies.pictures import curves

PUBLISHED = {1: 0.78, 4: 0.55}  # of a published replication, tanh or SELU with weight decay: median at depth 1, mean at depth 4
BARS = tuple(
    Bar(iris_number(activation, depth), at_least=least, source=f"a published replication: {PUBLISHED[depth]}")
    for activation in ("tanh", "silu")
    for depth, least in ((1, 0.95), (4, 0.80))
)


def compose(results: NetworkResults) -> Report:
    """Return the tables and figures."""
    tables = {"Iris networks, each seed": results.each, "Iris networks, medians over seeds": results.medians}
    return Report(tables, figures(results.medians))


def figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Draw rank correlation by depth for each weight decay, by which layers are counted, and by width."""
    frame = frame.rename(columns={"decay": "weight decay", "form": "influence of"})
    axes = {"x_title": "hidden layers", "y_title": "median Spearman with retraining", "categories": True, "domain": (-0.6, 1.05)}
    deep, own = frame[frame["width"] == 5], frame[frame["influence of"] == ALL]
    charts = {
        "depth": Figure(
            curves(deep[deep["influence of"] == ALL], "depth", "spearman", "weight decay", panels="activation", width=210, **axes),
            "Iris networks of width 5: how well influence over all layers ranks 25 flowers left out, by depth and weight decay (l2); medians "
            "over the seeds that came to a minimum, with 95 % intervals; a missing point has no such seed.",
        ),
        "layers": Figure(
            curves(
                deep[deep["weight decay"] == f"{DECAY:g}"],
                "depth",
                "spearman",
                "influence of",
                panels="activation",
                width=210,
                **{**axes, "domain": (0.0, 1.05)},
            ),
            "The same with weight decay 0.005, by what influence looks at. SiLU has no network of eight layers that is more than a constant.",
        ),
    }
    wide = own[(own["depth"] == 1) & (own["activation"] == "tanh") & own["weight decay"].isin([f"{DECAY:g}", "0"])].sort_values("width")
    if wide["width"].nunique() > 1:
        charts["width"] = Figure(
            curves(wide, "width", "spearman", "weight decay", **{**axes, "x_title": "units of the one hidden layer", "domain": (0.0, 1.05)}),
            "One hidden layer of tanh, by its width.",
        )
    return charts
