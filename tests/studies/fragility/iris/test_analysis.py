"""Of Iris: what is lost is taken seed by seed, every training is counted once, and sentences, bars and charts stand where their numbers are."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.fragility import Fragility
from wherefrom_studies.fragility.iris.analysis import analyse, losses, number_names, totals
from wherefrom_studies.fragility.iris.experiment import ALL, DECAY, FORMS, full_grid, quick_grid, seeds_of
from wherefrom_studies.fragility.iris.report import BARS, figures
from wherefrom_studies.fragility.medians import median_numbers, median_table

UNSAID = ("Newton stopped at 1e-3", "The curvature is not positive definite", "every true change is the same")


def table(values: dict[int, list[float | str]], activation: str = "tanh", decay: float = DECAY, width: int = 5) -> pd.DataFrame:
    shared = {"activation": activation, "width": width, "decay": decay, "form": ALL}
    rows = []
    for depth, each in values.items():
        for seed, one in enumerate(each):
            why = one if isinstance(one, str) else ""
            rows.append({**shared, "depth": depth, "seed": seed, "spearman": None if why else one, "why not": why})
    return pd.DataFrame(rows).astype({"spearman": float})


def test_sentences_and_bars_stand_where_their_numbers_are(tmp_path: Path) -> None:
    found = table({1: [0.9, UNSAID[0], 0.7], 4: [0.5, 0.6, 0.4]})
    numbers = median_numbers("iris", found) | losses(found) | totals(found)
    assert len(Fragility(tmp_path).sentences(numbers).findings) == 2 and Fragility(tmp_path).sentences({}).findings == ()
    assert [bar.at_least for bar in BARS if bar.number in numbers] == [0.95, 0.80]


def test_every_training_with_weight_decay_is_counted_once() -> None:
    found = pd.concat([
        table({1: [0.9, *UNSAID], 8: [*UNSAID, 0.1]}), table({1: [UNSAID[0]]}, decay=0.0), table({1: [0.9, UNSAID[0], UNSAID[1]]}, "selu"),
    ])  # fmt: skip
    numbers = totals(pd.concat([found, found.assign(form="last layer")]))
    assert {name.removeprefix("iris/decay/"): number.estimate.value for name, number in numbers.items()} == {
        "trainings": 8, "no minimum": 4, "constant": 2, "selu/trainings": 3, "selu/no minimum": 2,
    }  # fmt: skip
    assert numbers["iris/decay/constant"].seeds == (0, 1, 2, 3) and numbers["iris/decay/selu/trainings"].seeds == (0, 1, 2)


def test_what_is_lost_is_lost_by_the_same_seed() -> None:
    found = pd.concat([table({1: [0.9, 0.8, 0.7], 4: [0.5, UNSAID[0], 0.6]}), table({1: [0.2, 0.4, 0.6]}, decay=0.0)])
    numbers = losses(found)
    assert numbers.keys() == {"iris/tanh/lost by depth 4", "iris/tanh/lost without decay"}
    depth, decay = numbers.values()
    assert depth.estimate.value == pytest.approx(0.25) and depth.seeds == (0, 2) and decay.estimate.value == pytest.approx(0.4)


def test_the_networks_of_the_bars_have_all_seeds() -> None:
    wanted = [one for one in full_grid() if one.activation != "selu" and one.decay == DECAY]
    assert {seeds_of(one) for one in wanted} == {20}


def test_a_chart_of_widths_needs_several() -> None:
    one, wider = table({1: [0.9, 0.8], 4: [0.5, 0.6]}), table({1: [0.95, 0.97]}, width=50)
    shown = median_table(median_numbers("iris", pd.concat([one, wider])), FORMS)
    assert figures(median_table(median_numbers("iris", one), FORMS)).keys() == {"depth", "layers"} and figures(shown).keys() == {
        "depth",
        "layers",
        "width",
    }
    (rows,) = figures(shown)["width"].chart.to_dict()["datasets"].values()
    assert [(row["width"], round(row["spearman"], 3)) for row in rows] == [(5, 0.85), (50, 0.96)]


@pytest.mark.parametrize("quick", [False, True])
def test_the_numbers_of_a_form_are_those_it_names(quick: bool, tmp_path: Path) -> None:
    rows = [
        {**asdict(network), "seed": seed, "form": form, "spearman": seed / 9, "why not": ""}
        for network in (quick_grid() if quick else full_grid()) for seed in range(2) for form in FORMS
    ]  # fmt: skip
    assert analyse(pd.DataFrame(rows)).numbers.keys() == number_names(Fragility(tmp_path, quick))
