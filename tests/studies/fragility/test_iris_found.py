"""Of Iris: what is lost is taken seed by seed, every training is counted once, and sentences, bars and charts stand where their numbers are."""

import pandas as pd
import pytest

from wherefrom_studies.fragility.iris_found import ALL, DECAY, FORMS, bars, figures, findings, full_grid, losses, seeds_of, totals
from wherefrom_studies.fragility.summary import summed, tabled

UNSAID = ("Newton stopped at 1e-3", "The curvature is not positive definite", "every true change is the same")


def table(values: dict[int, list[float | str]], activation: str = "tanh", decay: float = DECAY, width: int = 5) -> pd.DataFrame:
    shared = {"activation": activation, "width": width, "decay": decay, "form": ALL}
    rows = []
    for depth, each in values.items():
        for seed, one in enumerate(each):
            why = one if isinstance(one, str) else ""
            rows.append({**shared, "depth": depth, "seed": seed, "spearman": None if why else one, "why not": why})
    return pd.DataFrame(rows).astype({"spearman": float})


def test_sentences_and_bars_stand_where_their_numbers_are() -> None:
    found = table({1: [0.9, UNSAID[0], 0.7], 4: [0.5, 0.6, 0.4]})
    numbers = summed("iris", found) | losses(found) | totals(found)
    assert len(findings(numbers)) == 2 and [bar.at_least for bar in bars(numbers)] == [0.95, 0.80]
    assert bars({}) == findings({}) == ()


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
    shown = tabled(summed("iris", pd.concat([one, wider])), FORMS)
    assert figures(tabled(summed("iris", one), FORMS)).keys() == {"depth", "layers"} and figures(shown).keys() == {"depth", "layers", "width"}
    (rows,) = figures(shown)["width"].chart.to_dict()["datasets"].values()
    assert [(row["width"], round(row["spearman"], 3)) for row in rows] == [(5, 0.85), (50, 0.96)]
