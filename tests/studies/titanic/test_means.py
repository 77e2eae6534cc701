"""Numbers are means over seeds with intervals inside what the figure can be; differences are taken seed by seed."""

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.findings import Numbers
from wherefrom_studies.titanic.means import BOUNDS, contrast, grouped_name, mean_by, select
from wherefrom_studies.titanic.models import LARGE


def test_intervals_lie_within_what_the_figure_can_be(numbers: Numbers) -> None:
    for name, number in numbers.items():
        low, high = BOUNDS.get(name.split("/")[-1], (-np.inf, np.inf))
        edges = [edge for edge in (number.estimate.low, number.estimate.value, number.estimate.high) if edge is not None]
        assert all(low <= edge <= high for edge in edges), name
    for name in (f"{LARGE}/accuracy", f"{LARGE}/removal/accuracy before", "defects/positional: rows meant", "defects/copies: r with gradient dot"):
        estimate = numbers[name].estimate
        assert estimate.low is not None and estimate.high is not None and -1 <= estimate.low <= estimate.high <= 1 + 1e-9, name


def test_a_ratio_that_a_few_seeds_make_is_a_median() -> None:
    table = pd.DataFrame({"seed": range(5), "method": "a", "early over late": [1.0, 2.0, 3.0, 4.0, 1e6], "half": [1.0, 2.0, 3.0, 4.0, None]})
    numbers = mean_by("x", table, ["method"], ("early over late", "half"))
    assert numbers["x/a/early over late"].estimate.value == 3.0
    assert numbers["x/a/half"].estimate.value == 2.5 and numbers["x/a/half"].seeds == (0, 1, 2, 3), "the seeds that have it"
    assert mean_by("x", table.assign(half=np.nan), ["method"], ("half",))["x/a/half"].estimate.value is None


def test_a_contrast_is_taken_by_seed_whatever_the_order() -> None:
    a = pd.DataFrame({"seed": [2, 0, 1], "x": [20.0, 0.3, 10.0]})
    b = pd.DataFrame({"seed": [0, 1, 2, 3], "x": [0.1, 9.8, 19.8, 7.0]})
    number = contrast("c", a, b, "x")
    assert number.estimate.value == pytest.approx(0.2) and set(number.seeds) == {0, 1, 2}
    assert number.estimate.high is not None and number.estimate.high < 0.21


def test_rows_are_chosen_by_all_their_values() -> None:
    table = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"], "c": [1.0, 2.0, 3.0]})
    assert select(table, a=1, b="y")["c"].tolist() == [2.0] and len(select(table)) == 3


def test_a_name_is_made_of_its_keys() -> None:
    assert grouped_name("turned labels", "loss", 5, "found") == "turned labels/loss/5/found"
