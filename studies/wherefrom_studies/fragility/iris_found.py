"""What the Iris networks say: medians, bars, figures and sentences."""

from collections.abc import Mapping

import pandas as pd

from wherefrom.progress import track
from wherefrom_studies.findings import CITED, Bar, Figure, Found, Number, single
from wherefrom_studies.fragility.iris import FORMS, Network, measured
from wherefrom_studies.fragility.summary import lost, named, silent, summed, tabled
from wherefrom_studies.pictures import curves
from wherefrom_studies.study import Study

DECAY = 0.005
PUBLISHED = {1: 0.78, 4: 0.55}  # of a published replication, tanh or SELU with weight decay: median at depth 1, mean at depth 4
ALL, LEVERAGE, LAST = FORMS
SEEDS = 20
FEWER = {("silu", 0.0): 5, ("selu", DECAY): 3}  # seeds of what no bar rests on


def iris(study: Study) -> Found:
    """The networks over their seeds."""
    grid = study.either(full_grid(), quick_grid())
    parts = [measured(network, study.count(seeds_of(network), 3), study.kept) for network in track(grid, "Iris networks", len(grid))]
    table = pd.concat(parts, ignore_index=True)
    numbers = summed("iris", table) | silent("iris", table) | losses(table) | totals(table)
    shown = tabled(numbers, FORMS)
    tables = {"Iris networks, each seed": table, "Iris networks, medians over seeds": shown}
    return Found(tables, figures(shown), numbers, findings(numbers), bars(numbers), ORIGINALS)


def full_grid() -> list[Network]:
    """Depth by activation by weight decay at width 5, and width at depth 1."""
    depths = [
        Network(depth, 5, activation, decay) for activation in ("tanh", "silu", "selu") for decay in (DECAY, 0.0005, 0.0) for depth in (1, 2, 4, 8)
    ]
    return depths + [Network(1, width, "tanh", decay) for decay in (DECAY, 0.0) for width in (8, 20, 50)]


def seeds_of(network: Network) -> int:
    """How many seeds the full form has of a network."""
    return FEWER.get((network.activation, network.decay), SEEDS)


def quick_grid() -> list[Network]:
    """Two depths with and without weight decay."""
    return [Network(depth, 5, "tanh", decay) for decay in (DECAY, 0.0) for depth in (1, 4)]


def losses(table: pd.DataFrame) -> dict[str, Number]:
    """How much rank correlation goes from depth 1 to 4, and without weight decay at depth 1, seed by seed."""
    found: dict[str, Number] = {}
    for activation in ("tanh", "silu"):
        good = {"activation": activation, "depth": 1, "width": 5, "decay": DECAY}
        found |= lost(f"iris/{activation}/lost by depth 4", table, ALL, good, {**good, "depth": 4})
        found |= lost(f"iris/{activation}/lost without decay", table, ALL, good, {**good, "decay": 0.0})
    return found


def totals(table: pd.DataFrame) -> dict[str, Number]:
    """Over all networks with weight decay but SELU's: trainings, and those that said nothing."""
    every = table[(table["decay"] > 0) & (table["form"] == ALL)]
    selu, rows = every[every["activation"] == "selu"], every[every["activation"] != "selu"]
    nothing, constant = rows["spearman"].isna(), rows["why not"].str.startswith("every ")
    counts = {"trainings": len(rows), "no minimum": int((nothing & ~constant).sum()), "constant": int(constant.sum())}
    found = {name: single(name, count, rows["seed"].unique().tolist()) for name, count in counts.items()}
    if len(selu):
        counts = {"selu/trainings": len(selu), "selu/no minimum": int(selu["spearman"].isna().sum())}
        found |= {name: single(name, count, selu["seed"].unique().tolist()) for name, count in counts.items()}
    return {f"iris/decay/{name}": number for name, number in found.items()}


def figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Rank correlation by depth for each weight decay, by which layers are counted, and by width."""
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


def bars(numbers: Mapping[str, Number]) -> tuple[Bar, ...]:
    """Converged, with weight decay 0.005: depth 1 and depth 4, tanh and, in the full form, SiLU."""
    wanted = [
        (named("iris", activation, depth, 5, DECAY, ALL), least, PUBLISHED[depth])
        for activation in ("tanh", "silu")
        for depth, least in ((1, 0.95), (4, 0.80))
    ]
    return tuple(Bar(name, at_least=least, source=f"a published replication: {theirs}") for name, least, theirs in wanted if name in numbers)


def findings(numbers: Mapping[str, Number]) -> tuple[str, ...]:
    """What holds of depth, weight decay and layers, where the numbers are there."""

    def cited(activation: str, depth: int, decay: float = DECAY, form: str = ALL, width: int = 5) -> str:
        return "{" + named("iris", activation, depth, width, decay, form) + "}"

    said = [
        f"Iris: with {activation}, weight decay 0.005 and training to a gradient of 1e-9 the median rank correlation with retraining is "
        f"{cited(activation, 1)} at one hidden layer and {cited(activation, 4)} at four; seed by seed {{iris/{activation}/lost by depth 4}} is lost."
        for activation in ("tanh", "silu")
    ]
    said += [
        f"Without weight decay, where training has no minimum to come to, it is {cited('tanh', 1, 0.0)} at one hidden layer of tanh and "
        f"{cited('tanh', 4, 0.0)} at four: at one layer {{iris/tanh/lost without decay}} is lost.",
        f"Looking at the last layer alone, as the published protocol does, gives {cited('tanh', 1, form=LAST)} at one hidden layer and "
        f"{cited('tanh', 4, form=LAST)} at four.",
        f"One Newton step for each row instead of the first-order step gives {cited('tanh', 1, form=LEVERAGE)} and "
        f"{cited('tanh', 4, form=LEVERAGE)}.",
        f"A width of 50 gives {cited('tanh', 1, width=50)} with weight decay and {cited('tanh', 1, 0.0, width=50)} without.",
        "Of {iris/decay/trainings} trainings with weight decay of tanh and SiLU {iris/decay/no minimum} came to no minimum, and "
        "{iris/decay/constant} to one where the network says the same of every flower; neither is in the medians.",
        f"Most constants are eight layers deep: with weight decay 0.005 {cited('tanh', 8, form='constant')} of 20 seeds of tanh and "
        f"{cited('silu', 8, form='constant')} of 20 of SiLU end in the constant, and at four layers {cited('silu', 4, form='constant')} of SiLU; "
        f"the tanh networks left at eight layers give {cited('tanh', 8)}.",
        "SELU's second derivative jumps at 0, and {iris/decay/selu/no minimum} of its {iris/decay/selu/trainings} trainings with weight decay "
        "came to no gradient of 1e-9.",
    ]
    return tuple(sentence for sentence in said if all(name in numbers for name in CITED.findall(sentence)))


ORIGINALS = (
    "The published protocol takes the Hessian of the last layer without the weight decay that training had; here the Hessian is that of the "
    "objective, over all layers, and the last layer alone is a second form.",
    "It retrains by Adam from a warm start whose moments are forgotten, for a fixed number of steps; here retraining goes on to a gradient of "
    "1e-9 in float64 wherever there is a minimum.",
    "Its replication draws the absolute value of the correlation, which hides that many are negative; here signs stay.",
)
