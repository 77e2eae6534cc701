"""The grids of the full and quick forms, and sentences only where their numbers are."""

import pandas as pd

from whence.studies.fragility import iris_found, mnist_found
from whence.studies.fragility.iris import FORMS
from whence.studies.fragility.iris_found import bars, findings, losses, totals
from whence.studies.fragility.summary import summed


def table(values: dict[int, list[float | None]]) -> pd.DataFrame:
    shared = {"activation": "tanh", "width": 5, "decay": 0.005, "form": FORMS[0]}
    return pd.DataFrame(
        [
            {**shared, "depth": depth, "seed": seed, "spearman": one, "why not": "" if one is not None else "Newton stopped"}
            for depth, each in values.items()
            for seed, one in enumerate(each)
        ]
    )


def test_sentences_and_bars_stand_where_their_numbers_are() -> None:
    found = table({1: [0.9, None, 0.7], 4: [0.5, 0.6, 0.4]})
    numbers = summed("iris", found) | losses(found) | totals(found)
    assert len(findings(numbers)) == 2 and [bar.at_least for bar in bars(numbers)] == [0.95, 0.80]
    assert numbers["iris/decay/trainings"].estimate.value == 6 and numbers["iris/decay/no minimum"].estimate.value == 1


def test_grids_hold_no_network_twice() -> None:
    for part, count in ((iris_found, 42), (mnist_found, 12)):
        full = part.full_grid()
        assert len(set(full)) == len(full) == count and set(part.quick_grid()) <= set(full)


def test_the_networks_of_the_bars_have_all_seeds() -> None:
    wanted = [one for one in iris_found.full_grid() if one.activation != "selu" and one.decay == iris_found.DECAY]
    assert {iris_found.seeds_of(one) for one in wanted} == {20}
