"""What the MNIST networks with convolutions say: medians, figures and sentences."""

from collections.abc import Mapping

import pandas as pd

from wherefrom.progress import track
from wherefrom_studies.findings import CITED, Figure, Found, Number, single
from wherefrom_studies.fragility.mnist import FORMS, Convolutions, measured
from wherefrom_studies.fragility.summary import AXES, named, silent, summed, tabled
from wherefrom_studies.pictures import curves
from wherefrom_studies.study import Study

DECAY = 0.005
ALL, LEVERAGE, LAST = FORMS
COLUMNS = [*AXES, "form", "seed"]


def mnist(study: Study) -> Found:
    """The networks over their seeds."""
    grid = study.either(full_grid(), quick_grid())
    parts = [measured(network, study.count(seeds_of(network), 2), study.kept) for network in track(grid, "MNIST networks", len(grid))]
    table = pd.concat(parts, ignore_index=True)
    numbers = numbered(table)
    shown = tabled(numbers, FORMS)
    tables = {"MNIST networks, each seed and query": table, "MNIST networks, medians over seeds": shown}
    return Found(tables, figures(shown), numbers, findings(numbers))


def full_grid() -> list[Convolutions]:
    """Depth by activation, and width and weight decay of one convolution with tanh."""
    depths = [Convolutions(depth, 4, activation, DECAY) for activation in ("tanh", "silu", "relu") for depth in (1, 2)]
    widths = [Convolutions(1, width, "tanh", DECAY) for width in (2, 8)]
    return [*depths, Convolutions(3, 4, "tanh", DECAY), *widths, *(Convolutions(1, 4, "tanh", decay) for decay in (0.05, 0.0005, 0.0))]


def seeds_of(network: Convolutions) -> int:
    """Five seeds of what comes to its minimum in seconds, three of the others."""
    return 5 if network.smooth and network.depth == 1 else 3


def quick_grid() -> list[Convolutions]:
    """One convolution, with much and with little weight decay."""
    return [Convolutions(1, 4, "tanh", decay) for decay in (DECAY, 0.0005)]


def numbered(table: pd.DataFrame) -> dict[str, Number]:
    """Medians over the seeds, each seed's the median over its queries: over all images left out, the drawn ones alone, and by kind of query."""
    found = silent("mnist", table) | totals(table)
    every = table[table["left out"] == "all"]
    for rows, columns, last in (
        (every, ("spearman", "slope"), ""),
        (table[table["left out"] == "random"], ("spearman",), ", images drawn"),
        (every[every["query"] == "high loss"], ("spearman",), ", queries of high loss"),
        (every[every["query"] == "any"], ("spearman",), ", any queries"),
    ):
        seeds = rows.groupby(COLUMNS, sort=False)[list(columns)].median().reset_index()
        for column in columns:
            found |= summed("mnist", seeds, column, last if column == "spearman" else f", {column}")
    return found


def totals(table: pd.DataFrame) -> dict[str, Number]:
    """Over all networks that have a minimum to come to: trainings, and those that came to none."""
    rows = table[(table["decay"] > 0) & (table["activation"] != "relu")]
    figured = rows.groupby([*AXES, "seed"])["spearman"].count()
    counts = {"trainings": len(figured), "no minimum": int((figured == 0).sum())}
    return {f"mnist/decay/{name}": single(name, count, rows["seed"].unique().tolist()) for name, count in counts.items()}


def figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Rank correlation by weight decay and, in the full form, by depth."""
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


def findings(numbers: Mapping[str, Number]) -> tuple[str, ...]:
    """What holds of weight decay, depth, width, layers and activation, where the numbers are there."""

    def cited(activation: str = "tanh", depth: int = 1, decay: float = DECAY, form: str = ALL, width: int = 4) -> str:
        return "{" + named("mnist", activation, depth, width, decay, form) + "}"

    drawn, slope = ALL + ", images drawn", ALL + ", slope"
    said = [
        f"MNIST: for one convolution with tanh and weight decay 0.005 the median rank correlation is {cited()} over all images left out and "
        f"{cited(form=drawn)} over those drawn; the slope is {cited(form=slope)}, with leverage {cited(form=LEVERAGE + ', slope')}.",
        f"The last layer alone gives {cited(form=LAST)}.",
        f"By weight decay: {cited(decay=0.05)} at 0.05 and {cited(decay=0.0005)} at 0.0005; without any, steps counted, {cited(decay=0.0)}.",
        f"With little weight decay influence says too little: at 0.0005 the slope is {cited(decay=0.0005, form=slope)}, with leverage "
        f"{cited(decay=0.0005, form=LEVERAGE + ', slope')}.",
        f"By depth: {cited(depth=2)} at two convolutions of tanh and {cited(depth=3)} at three; SiLU has {cited('silu')} at one and "
        f"{cited('silu', 2)} at two. The slopes at two are {cited(depth=2, form=slope)} and {cited('silu', 2, form=slope)}.",
        f"What is lost with depth is mostly lost on the most influential images: over the drawn ones alone it is {cited(depth=2, form=drawn)} at two "
        f"convolutions of tanh and {cited(depth=3, form=drawn)} at three, and {cited('silu', 2, form=drawn)} at two of SiLU.",
        f"At two convolutions of tanh queries of high loss have {cited(depth=2, form=ALL + ', queries of high loss')} and any others "
        f"{cited(depth=2, form=ALL + ', any queries')}.",
        f"ReLU comes to rest on kinks, so its steps are counted: {cited('relu')} at one convolution and {cited('relu', 2)} at two.",
        f"By width: {cited(width=2)} with two channels and {cited(width=8)} with eight.",
        "Of {mnist/decay/trainings} trainings with weight decay of tanh and SiLU {mnist/decay/no minimum} came to no minimum.",
    ]
    return tuple(sentence for sentence in said if all(name in numbers for name in CITED.findall(sentence)))
