"""The summary: medians over the seeds that came to a minimum, sentences only where their numbers are."""

import pandas as pd

from whence.studies.fragility.iris import FORMS
from whence.studies.fragility.study import bars, findings, full_grid, named, quick_grid, summed, tabled


def table(values: dict[int, list[float | None]]) -> pd.DataFrame:
    shared = {"activation": "tanh", "width": 5, "decay": 0.005, "form": FORMS[0]}
    return pd.DataFrame(
        [{**shared, "depth": depth, "seed": seed, "spearman": one} for depth, each in values.items() for seed, one in enumerate(each)]
    )


def test_seeds_without_a_minimum_are_not_counted() -> None:
    numbers = dict(summed(table({1: [0.9, None, 0.7], 4: [0.5, 0.6, 0.4]}), (0, 1, 2)))
    first = numbers[named("tanh", 1, 5, 0.005, FORMS[0])]
    assert first.estimate.value == 0.8 and first.seeds == (0, 2) and first.estimate.n == 2
    assert tabled(list(numbers.items()))["depth"].tolist() == [1, 4]
    assert len(findings(numbers)) == 1 and [bar.at_least for bar in bars(numbers)] == [0.95, 0.80]


def test_grids_hold_no_network_twice() -> None:
    assert len(set(full_grid())) == len(full_grid()) == 42 and set(quick_grid()) <= set(full_grid())
