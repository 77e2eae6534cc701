"""What the Iris networks give: medians over seeds, how many seeds said nothing, and what is lost with depth and without weight decay."""

import pandas as pd

from wherefrom_studies.findings import Number, single
from wherefrom_studies.fragility.iris.experiment import ALL, DECAY, FORMS, Network, grid_of
from wherefrom_studies.fragility.medians import NetworkResults, count_silent, median_loss, median_numbers, median_table, network_names, number_name
from wherefrom_studies.study import Study


def iris_number(activation: str, depth: int, decay: float = DECAY, form: str = ALL, width: int = 5) -> str:
    """Return the name of a number of one network."""
    return number_name("iris", activation, depth, width, decay, form)


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers that the networks of a form give."""
    networks = grid_of(study)
    names = network_names("iris", networks, FORMS) | {f"iris/decay/{name}" for name in ("trainings", "no minimum", "constant")}
    for activation in ("tanh", "silu"):
        first = Network(1, 5, activation, DECAY)
        others = {"by depth 4": Network(4, 5, activation, DECAY), "without decay": Network(1, 5, activation, 0.0)}
        names |= {f"iris/{activation}/lost {how}" for how, other in others.items() if first in networks and other in networks}
    if any(network.activation == "selu" and network.decay for network in networks):
        names |= {"iris/decay/selu/trainings", "iris/decay/selu/no minimum"}
    return names


def analyse(table: pd.DataFrame) -> NetworkResults:
    """Return the numbers of a table of networks, seeds and forms."""
    numbers = median_numbers("iris", table) | count_silent("iris", table) | losses(table) | totals(table)
    return NetworkResults(table, numbers, median_table(numbers, FORMS))


def losses(table: pd.DataFrame) -> dict[str, Number]:
    """Return how much rank correlation goes from depth 1 to 4, and without weight decay at depth 1, seed by seed."""
    numbers: dict[str, Number] = {}
    for activation in ("tanh", "silu"):
        good = {"activation": activation, "depth": 1, "width": 5, "decay": DECAY}
        numbers |= median_loss(f"iris/{activation}/lost by depth 4", table, ALL, good, {**good, "depth": 4})
        numbers |= median_loss(f"iris/{activation}/lost without decay", table, ALL, good, {**good, "decay": 0.0})
    return numbers


def totals(table: pd.DataFrame) -> dict[str, Number]:
    """Count, over all networks with weight decay but SELU's, the trainings and those that said nothing."""
    every = table[(table["decay"] > 0) & (table["form"] == ALL)]
    selu, rows = every[every["activation"] == "selu"], every[every["activation"] != "selu"]
    nothing, constant = rows["spearman"].isna(), rows["why not"].str.startswith("every ")
    counts = {"trainings": len(rows), "no minimum": int((nothing & ~constant).sum()), "constant": int(constant.sum())}
    numbers = {name: single(name, count, rows["seed"].unique().tolist()) for name, count in counts.items()}
    if len(selu):
        counts = {"selu/trainings": len(selu), "selu/no minimum": int(selu["spearman"].isna().sum())}
        numbers |= {name: single(name, count, selu["seed"].unique().tolist()) for name, count in counts.items()}
    return {f"iris/decay/{name}": number for name, number in numbers.items()}
