"""The numbers of the digits are those that their form names."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif import RelatIFStudy
from wherefrom_studies.relatif.digits.analysis import AGREEMENTS, analyse, image_numbers, images_number, number_names
from wherefrom_studies.relatif.digits.experiment import DigitTables, ekfac
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, RANDOM, THETA, L
from wherefrom_studies.relatif.means import FIGURES
from wherefrom_studies.relatif.softmax import CELLS, DECAYED, FULL, SMALL, SoftmaxSize


def made_up(size: SoftmaxSize) -> DigitTables:
    """All numbers alike, with the gaps that the experiment leaves."""
    rows = []
    for seed in range(2):
        for cell in CELLS:
            facts = {
                "cell": cell,
                "seed": seed,
                "accuracy": 0.9,
                "damping": 0.0,
                "parameters": 10,
                "without curvature": 0,
                **dict.fromkeys(FIGURES, 0.5),
            }
            chance = {f"chance, {figure}": 0.1 for figure in FIGURES}
            for method in (*METHODS, RANDOM, DIVINE):
                cost = 1.5 if method in (THETA, L) else None
                asked = (size.fewer,) if method == DIVINE else (size.queries, size.fewer)
                rows += [{**facts, **chance, "method": method, "queries": queries, "cost": cost} for queries in asked]
            if cell == DECAYED:
                both = [(ekfac(method), 1.5 if method != INFLUENCE else None) for method in METHODS]
                rows += [{**facts, "method": name, "queries": size.queries, "cost": cost, **dict.fromkeys(AGREEMENTS, 0.8)} for name, cost in both]
    counts = [
        {"images": images, "seed": seed, "method": method, "distinct first": share}
        for images in size.grown for seed in range(2) for method, share in ((INFLUENCE, 0.2), (THETA, 0.4), (L, 0.5), (RANDOM, 0.6))
    ]  # fmt: skip
    return DigitTables(size, pd.DataFrame(rows).astype({"cost": float}), pd.DataFrame(counts))


@pytest.mark.parametrize(("size", "quick"), [(FULL, False), (SMALL, True)])
def test_the_numbers_of_a_form_are_those_it_names(size: SoftmaxSize, quick: bool, tmp_path: Path) -> None:
    assert analyse(made_up(size)).numbers.keys() == number_names(RelatIFStudy(tmp_path, quick))


def test_what_runs_has_them_too(quick: Findings, tmp_path: Path) -> None:
    assert {name for name in quick.numbers if name.startswith("digits/")} == number_names(RelatIFStudy(tmp_path, quick=True))


def test_ratios_are_to_influence_of_the_same_seed() -> None:
    numbers = image_numbers(made_up(SMALL).by_images)
    assert numbers[images_number(150, THETA)].estimate.value == pytest.approx(2) and numbers[images_number(300, RANDOM)].seeds == (0, 1)
