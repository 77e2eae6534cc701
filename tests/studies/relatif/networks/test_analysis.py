"""The numbers of the networks are those that both forms name; each network's figures are of its own rows."""

from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.relatif import RelatIFStudy
from wherefrom_studies.relatif.lists import INFLUENCE, THETA, L
from wherefrom_studies.relatif.means import FIGURES
from wherefrom_studies.relatif.networks.analysis import ACCURACIES, FEWER_OUTLIERS, MOST_COST, ORDER, SIZES, analyse, network_number, number_names
from wherefrom_studies.relatif.networks.architectures import NETWORKS, RESNET
from wherefrom_studies.relatif.networks.experiment import SMALL, NetworkTable


def table() -> NetworkTable:
    rows = []
    for place, (network, activation) in enumerate(product(NETWORKS, ("ReLU", "SiLU"))):
        facts = {
            "network": network,
            "activation": activation,
            "optimiser": "Adam",
            **dict.fromkeys(ACCURACIES, place / 10),
            **dict.fromkeys(SIZES, 7),
        }
        figures = {**dict.fromkeys(FIGURES, 0.5), **{f"chance, {figure}": 0.1 for figure in FIGURES}}
        for method in ORDER:
            cost = 1.0 + place / 10 if method in (THETA, L) else None
            rows.append({**facts, **figures, "method": method, "cost": cost, "outliers": 0.3 if method == INFLUENCE else 0.1})
    return NetworkTable(SMALL, pd.DataFrame(rows).astype({"cost": float}))


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, tmp_path: Path) -> None:
    assert analyse(table()).numbers.keys() == number_names(RelatIFStudy(tmp_path, quick))


def test_accuracies_have_two_ends_and_costs_a_greatest() -> None:
    numbers = analyse(table()).numbers
    ends = [numbers[network_number(RESNET, f"accuracy, {end}")].estimate.value for end in ("least", "most")]
    assert ends == [0.4, 0.5] and numbers[MOST_COST].estimate.value == 1.5
    assert numbers[FEWER_OUTLIERS].estimate.value == pytest.approx(0.2) and numbers[FEWER_OUTLIERS].estimate.n == 6
