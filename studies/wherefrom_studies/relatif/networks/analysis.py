"""What the networks give: accuracies, and means over activations and optimisers of each method's lists."""

from dataclasses import dataclass

import pandas as pd

from wherefrom_studies.findings import Number, Numbers, mean_of, single
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM, THETA, L
from wherefrom_studies.relatif.means import FIGURES, mean_names, mean_numbers
from wherefrom_studies.relatif.networks.architectures import NETWORKS
from wherefrom_studies.relatif.networks.experiment import NetworkTable
from wherefrom_studies.study import Study

ORDER = (INFLUENCE, THETA, L, DIVINE, RANDOM)
CELL = ["network", "activation", "optimiser"]
UNFLIPPED = FIGURES[:-1]
ACCURACIES, SIZES = ("accuracy", "training accuracy"), ("parameters", "attributed")
MOST_COST, FEWER_OUTLIERS = "networks/most cost", "networks/fewer outliers"


@dataclass(frozen=True, eq=False)
class NetworkListResults:
    """The table of lists, and the numbers made of it."""

    table: NetworkTable
    numbers: Numbers


def network_number(network: str, name: str) -> str:
    """Return the name of a number of one network."""
    return f"networks/{network}/{name}"


def number_names(study: Study) -> set[str]:
    """Return the names of the numbers, the same in both forms."""
    names = {MOST_COST, FEWER_OUTLIERS}
    for network in NETWORKS:
        names |= {network_number(network, f"{accuracy}, {end}") for accuracy in ACCURACIES for end in ("least", "most")}
        names |= {network_number(network, name) for name in SIZES} | {network_number(network, f"{method}/cost") for method in (THETA, L)}
        for method in (*METHODS, DIVINE, RANDOM):
            names |= mean_names(network_number(network, method), UNFLIPPED)
    return names


def analyse(table: NetworkTable) -> NetworkListResults:
    """Return the numbers of all networks."""
    numbers: dict[str, Number] = {}
    for network, rows in table.lists.groupby("network", sort=False):
        numbers |= network_numbers(str(network), rows)
    numbers[MOST_COST] = single("cost", float(table.lists["cost"].max()), (0,))
    outliers = table.lists.pivot(index=CELL, columns="method", values="outliers")
    numbers[FEWER_OUTLIERS] = mean_of("difference", outliers[INFLUENCE] - outliers[THETA], (0,) * len(outliers), bounds=(-1, 1))
    return NetworkListResults(table, numbers)


def network_numbers(network: str, rows: pd.DataFrame) -> dict[str, Number]:
    """Return means over activations and optimisers of one network, and its accuracies."""
    numbers: dict[str, Number] = {}
    cells = rows.groupby(CELL, sort=False).first()
    for accuracy in ACCURACIES:
        numbers[network_number(network, f"{accuracy}, least")] = single("least", float(cells[accuracy].min()), (0,))
        numbers[network_number(network, f"{accuracy}, most")] = single("most", float(cells[accuracy].max()), (0,))
    for name in SIZES:
        numbers[network_number(network, name)] = single(name, float(cells[name].iloc[0]))
    for method, each in rows.groupby("method", sort=False):
        runs = (0,) * len(each)
        numbers |= mean_numbers(network_number(network, str(method)), each, runs, UNFLIPPED)
        if each["cost"].notna().all():
            numbers[network_number(network, f"{method}/cost")] = mean_of("cost", each["cost"], runs)
    return numbers
