"""Numbers are means over seeds with intervals inside what the figure can be; differences are taken seed by seed."""

import numpy as np
import pandas as pd
import pytest

from wherefrom_studies.titanic.models import PAIR
from wherefrom_studies.titanic.numbers import BOUNDS, SMALL, Numbers, Tables, contrast, counted, grouped
from wherefrom_studies.titanic.removal import COLUMNS, seed_band

MLP = "MLP, batches of 32"


def test_the_mean_over_seeds_stands_under_its_keys(tables: Tables, found: Numbers) -> None:
    table = tables.varied
    rows = table[(table["change"] == "one hidden layer") & (table["method"] == PAIR[0])]
    assert found[f"varied/one hidden layer/{PAIR[0]}/kendall"].estimate.value == pytest.approx(rows["kendall"].mean())
    turned = tables.planted[(tables.planted["ranking"] == "loss") & (tables.planted["first"] == 5)]
    assert found["turned labels/loss/5/found"].estimate.value == pytest.approx(turned["found"].mean())
    left = tables.removed[MLP]
    rows = left[(left["arm"] == "random") & (left["removed"] == 50)]
    for figure in COLUMNS:
        number = found[f"{MLP}/removal/random/50/{figure}"]
        assert number.estimate.value == pytest.approx(rows[figure].mean()) and number.seeds == (0, 1)


def test_intervals_lie_within_what_the_figure_can_be(found: Numbers) -> None:
    for name, number in found.items():
        low, high = BOUNDS.get(name.split("/")[-1], (-np.inf, np.inf))
        edges = [edge for edge in (number.estimate.low, number.estimate.value, number.estimate.high) if edge is not None]
        assert all(low <= edge <= high for edge in edges), name
    for name in (f"{MLP}/accuracy", f"{MLP}/removal/accuracy before", "defects/positional: rows meant", "defects/copies: r with gradient dot"):
        estimate = found[name].estimate
        assert estimate.low is not None and estimate.high is not None and -1 <= estimate.low <= estimate.high <= 1 + 1e-9, name


def test_a_ratio_that_a_few_seeds_make_is_a_median() -> None:
    table = pd.DataFrame({"seed": range(5), "method": "a", "early over late": [1.0, 2.0, 3.0, 4.0, 1e6], "half": [1.0, 2.0, 3.0, 4.0, None]})
    found = grouped("x", table, ["method"], ("early over late", "half"))
    assert found["x/a/early over late"].estimate.value == 3.0
    assert found["x/a/half"].estimate.value == 2.5 and found["x/a/half"].seeds == (0, 1, 2, 3), "the seeds that have it"
    assert grouped("x", table.assign(half=np.nan), ["method"], ("half",))["x/a/half"].estimate.value is None


def test_ceilings_are_what_each_methods_own_stability_allows(found: Numbers) -> None:
    a, b = PAIR
    for figure, steady in (("kendall", "kendall"), ("kuncheva", "nogueira")):
        each = [max(found[f"{MLP}/stability/{method}/{steady}"].estimate.value or 0, 0) for method in PAIR]
        assert found[f"{MLP}/agreement/{a} and {b}/{figure}"].estimate.ceiling == pytest.approx(np.sqrt(each[0] * each[1]))
    jaccard = found[f"{MLP}/agreement/{a} and {b}/jaccard"].estimate
    assert jaccard.ceiling is None and jaccard.chance is not None and 0 < jaccard.chance < 0.2


def test_cells_inside_the_band_are_counted() -> None:
    before = {0: 0.80, 1: 0.84}
    changes = {
        (PAIR[0], 1): (0.01, -0.01),
        (PAIR[0], 50): (0.09, 0.01),
        (PAIR[1], 5): (-0.05, -0.06),
        (PAIR[1], 200): (0.0, 0.0),
        ("random", 1): (0.0, 0.0),
    }
    table = pd.DataFrame([
        {"arm": arm, "removed": size, "seed": seed, "accuracy": change, "accuracy before": before[seed]}
        for (arm, size), each in changes.items() for seed, change in enumerate(each)
    ])  # fmt: skip
    assert seed_band(table, "accuracy") == pytest.approx(0.04) and SMALL == 50
    found = {name: number.estimate.value for name, number in counted({"one": table, "two": table}).items()}
    assert found["removal/cells"] == 6 and found["removal/cells inside the seed band"] == 2
    assert found["removal/single runs inside the seed band"] == pytest.approx((1 + 0.5 + 0) / 3)


def test_a_contrast_is_taken_by_seed_whatever_the_order() -> None:
    a = pd.DataFrame({"seed": [2, 0, 1], "x": [20.0, 0.3, 10.0]})
    b = pd.DataFrame({"seed": [0, 1, 2, 3], "x": [0.1, 9.8, 19.8, 7.0]})
    number = contrast("c", a, b, "x")
    assert number.estimate.value == pytest.approx(0.2) and set(number.seeds) == {0, 1, 2}
    assert number.estimate.high is not None and number.estimate.high < 0.21
