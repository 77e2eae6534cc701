"""Seeds without a figure are counted and in no median; what is lost is taken seed by seed."""

import pandas as pd

from wherefrom_studies.fragility.medians import count_silent, median_loss, median_numbers, median_table, number_name

FORM = "all layers"


def table(values: dict[int, list[float | str]]) -> pd.DataFrame:
    shared = {"activation": "tanh", "width": 5, "decay": 0.005, "form": FORM}
    rows = []
    for depth, each in values.items():
        for seed, one in enumerate(each):
            said = isinstance(one, str)
            rows.append({**shared, "depth": depth, "seed": seed, "spearman": None if said else one, "why not": one if said else ""})
    return pd.DataFrame(rows)


FOUND = table({1: [0.9, "Newton stopped", 0.7], 4: [0.5, 0.6, "every true change is the same"]})


def test_seeds_without_a_minimum_are_in_no_median() -> None:
    numbers = median_numbers("iris", FOUND)
    first = numbers[number_name("iris", "tanh", 1, 5, 0.005, FORM)]
    assert first.estimate.value == 0.8 and first.seeds == (0, 2) and first.estimate.n == 2
    assert median_table(numbers | count_silent("iris", FOUND), (FORM,))["depth"].tolist() == [1, 4]


def test_they_are_counted_by_what_became_of_them() -> None:
    numbers = count_silent("iris", FOUND)
    counts = {
        (depth, what): numbers[number_name("iris", "tanh", depth, 5, 0.005, what)].estimate.value
        for depth in (1, 4)
        for what in ("no minimum", "constant")
    }
    assert counts == {(1, "no minimum"): 1, (1, "constant"): 0, (4, "no minimum"): 0, (4, "constant"): 1}


def test_a_loss_is_that_of_the_seeds_both_have() -> None:
    (number,) = median_loss("lost", FOUND, FORM, {"depth": 1}, {"depth": 4}).values()
    assert abs(number.estimate.value - 0.4) < 1e-12 and number.seeds == (0,)  # type: ignore[operator]
    assert median_loss("lost", FOUND, FORM, {"depth": 1}, {"depth": 8}) == {}
