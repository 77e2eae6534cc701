"""The fragility study (Basu, Pope & Feizi 2021): influence against retraining by depth, width, activation and weight decay, over seeds."""

from dataclasses import dataclass

import pandas as pd

from whence.progress import track
from whence.studies.found import CITED, Bar, Figure, Found, Number, median_of
from whence.studies.fragility.iris import FORMS, Network, measured
from whence.studies.pictures import curves
from whence.studies.study import Study, Times

DECAY = 0.005
PUBLISHED = {1: 0.78, 4: 0.55}  # of a published replication, tanh or SELU with weight decay: median at depth 1, mean at depth 4
ALL, LEVERAGE, LAST = FORMS
AXES = ["activation", "depth", "width", "decay"]


@dataclass(frozen=True)
class Fragility(Study):
    """Iris networks converged in float64, all layers and the last alone, with and without weight decay."""

    name = "fragility"
    question = "Where can influence be trusted: how does it go with depth, width, activation and weight decay?"
    paper = "Basu, Pope & Feizi 2021, Influence Functions in Deep Learning Are Fragile"
    times = Times(quick=45, full=180, measured=False)

    def run(self) -> Found:
        seeds = self.count(20, 3)
        grid = self.either(full_grid(), quick_grid())
        table = pd.concat([measured(network, seeds, self.kept) for network in track(grid, "networks", len(grid))], ignore_index=True)
        summary = summed(table, seeds)
        numbers = dict(summary)
        return Found(
            {"Iris networks, each seed": table, "Iris networks, medians over seeds": tabled(summary)},
            figures(table, seeds),
            numbers,
            findings(numbers),
            bars(numbers),
            ORIGINALS,
        )


def full_grid() -> list[Network]:
    """Depth by activation by weight decay at width 5, and width at depth 1."""
    depths = [
        Network(depth, 5, activation, decay) for activation in ("tanh", "silu", "selu") for decay in (DECAY, 0.0005, 0.0) for depth in (1, 2, 4, 8)
    ]
    return depths + [Network(1, width, "tanh", decay) for decay in (DECAY, 0.0) for width in (8, 20, 50)]


def quick_grid() -> list[Network]:
    """Two depths with and without weight decay."""
    return [Network(depth, 5, "tanh", decay) for decay in (DECAY, 0.0) for depth in (1, 4)]


def named(activation: object, depth: object, width: object, decay: object, form: object) -> str:
    """The name of a number."""
    return f"iris/{activation}/depth {depth}/width {width}/decay {decay:g}/{form}"


def summed(table: pd.DataFrame, seeds: tuple[int, ...]) -> list[tuple[str, Number]]:
    """The median Spearman of each network and form over the seeds that came to a minimum."""
    found = []
    for key, rows in table.groupby([*AXES, "form"], sort=False):
        good = rows.dropna(subset=["spearman"])
        name = named(*key)  # type: ignore[misc]
        if len(good):
            found.append((name, median_of(name, good["spearman"], good["seed"])))
    return found


def tabled(summary: list[tuple[str, Number]]) -> pd.DataFrame:
    """The medians as a table."""
    rows = []
    for name, number in summary:
        _, activation, depth, width, decay, form = name.split("/")
        rows.append({
            "activation": activation, "depth": int(depth.split()[1]), "width": int(width.split()[1]), "decay": decay.split()[1], "form": form,
            "spearman": number.estimate.value, "low": number.estimate.low, "high": number.estimate.high, "seeds": number.estimate.n,
        })  # fmt: skip
    return pd.DataFrame(rows)


def figures(table: pd.DataFrame, seeds: tuple[int, ...]) -> dict[str, Figure]:
    """Rank correlation by depth for each weight decay, by which layers are counted, and by width."""
    frame = tabled(summed(table, seeds))
    frame = frame.assign(decay="l2 " + frame["decay"])
    axes = {"x_title": "hidden layers", "y_title": "median Spearman with retraining", "categories": True, "domain": (-0.6, 1.0)}
    deep, own = frame[frame["width"] == 5], (frame["form"] == ALL)
    charts = {
        "depth": Figure(
            curves(deep[own], "depth", "spearman", "decay", panels="activation", width=210, **axes),
            "Iris networks of width 5: how well influence over all layers ranks 25 flowers left out, by depth and weight decay (l2); medians "
            "over seeds with 95 % intervals.",
        ),
        "layers": Figure(
            curves(deep[(deep["decay"] == f"l2 {DECAY:g}")], "depth", "spearman", "form", panels="activation", width=210, **axes),
            "The same with weight decay 0.005, by what influence looks at.",
        ),
    }
    wide = frame[own & (frame["depth"] == 1) & (frame["activation"] == "tanh") & frame["decay"].isin([f"l2 {DECAY:g}", "l2 0"])].sort_values("width")
    if wide["width"].nunique() > 1:
        charts["width"] = Figure(
            curves(wide, "width", "spearman", "decay", **{**axes, "x_title": "units of the one hidden layer"}),
            "One hidden layer of tanh, by its width.",
        )
    return charts


def bars(numbers: dict[str, Number]) -> tuple[Bar, ...]:
    """Converged, with weight decay 0.005: depth 1 and depth 4, tanh and, in the full form, SiLU."""
    wanted = [
        (named(activation, depth, 5, DECAY, ALL), least, PUBLISHED[depth])
        for activation in ("tanh", "silu")
        for depth, least in ((1, 0.95), (4, 0.80))
    ]
    return tuple(Bar(name, at_least=least, source=f"a published replication: {theirs}") for name, least, theirs in wanted if name in numbers)


def findings(numbers: dict[str, Number]) -> tuple[str, ...]:
    """What holds of depth, weight decay and layers, where the numbers are there."""

    def cited(activation: str, depth: int, decay: float = DECAY, form: str = ALL, width: int = 5) -> str:
        return "{" + named(activation, depth, width, decay, form) + "}"

    said = [
        f"With {activation}, weight decay 0.005 and training to a gradient of 1e-9 the median rank correlation with retraining is "
        f"{cited(activation, 1)} at one hidden layer and {cited(activation, 4)} at four."
        for activation in ("tanh", "silu", "selu")
    ]
    said += [
        f"Without weight decay, where training has no minimum to come to, it is {cited('tanh', 1, 0.0)} at one hidden layer of tanh and "
        f"{cited('tanh', 4, 0.0)} at four.",
        f"Looking at the last layer alone, as the published protocol does, gives {cited('tanh', 1, form=LAST)} at one hidden layer and "
        f"{cited('tanh', 4, form=LAST)} at four.",
        f"One Newton step for each row instead of the first-order step gives {cited('tanh', 1, form=LEVERAGE)} and "
        f"{cited('tanh', 4, form=LEVERAGE)}.",
        f"A width of 50 gives {cited('tanh', 1, width=50)} with weight decay and {cited('tanh', 1, 0.0, width=50)} without.",
    ]
    return tuple(sentence for sentence in said if all(name in numbers for name in CITED.findall(sentence)))


ORIGINALS = (
    "The published protocol takes the Hessian of the last layer without the weight decay that training had; here the Hessian is that of the "
    "objective, over all layers, and the last layer alone is a second form.",
    "It retrains by Adam from a warm start whose moments are forgotten, for a fixed number of steps; here retraining goes on to a gradient of "
    "1e-9 in float64 wherever there is a minimum.",
    "Its replication draws the absolute value of the correlation, which hides that many are negative; here signs stay.",
)
