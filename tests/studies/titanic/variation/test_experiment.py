"""Another seed, another split and another network, each beside the same base; splits are compared on what both have."""

import numpy as np
import pytest

import wherefrom as wf
from wherefrom_studies.titanic.data import PassengerTable
from wherefrom_studies.titanic.models import MAIN, METHODS, K, score, train_network
from wherefrom_studies.titanic.variation.experiment import BASE, CHANGES, CONFIGURATIONS, SEED, SHARE, SPLIT, resplit, vary_for_seed


def test_a_split_has_four_fifths_and_is_another_for_each_part(small: PassengerTable) -> None:
    one, other = resplit(small, 0, 0), resplit(small, 0, 1)
    assert len(one.train) == len(np.unique(one.train)) == round(SHARE * len(small.train)) and set(one.train) < set(small.train)
    assert set(one.train) != set(other.train) and set(one.train) != set(resplit(small, 1, 0).train)
    assert one.test is small.test and (resplit(small, 0, 0).train == one.train).all()


def test_each_change_is_compared_with_the_base_of_the_same_seed(small: PassengerTable) -> None:
    rows = {(row["change"], row["method"]): row for row in vary_for_seed(small, 0, 1, ("SGD",))}
    assert set(rows) == {(change, method) for change in ("SGD", SEED, SPLIT) for method in MAIN}
    asked, method = small.rows(small.held_out[::6]), "TracIn, last layer"
    base, changed, after = (
        score(train_network(small, CONFIGURATIONS[name], seed), METHODS[method], asked)[0] for name, seed in ((BASE, 0), ("SGD", 0), (BASE, 1))
    )
    for change, scores in (("SGD", changed), (SEED, after)):
        expected = wf.metrics.agreement(base, scores, k=K, progress=False)
        assert rows[change, method]["kendall"] == pytest.approx(expected.kendall.value)
        assert rows[change, method]["kuncheva"] == pytest.approx(expected.kuncheva.value) and rows[change, method]["n"] == len(small.train)
    both = set(resplit(small, 0, 0).train) & set(resplit(small, 0, 1).train)
    assert rows[SPLIT, method]["n"] == len(both)


def test_configurations_differ_from_the_base_in_one_thing() -> None:
    base = CONFIGURATIONS[BASE].facts()
    for name in CHANGES:
        differing = {key for key, value in CONFIGURATIONS[name].facts().items() if value != base[key]}
        assert differing == {"optimiser", "rate"} if name == "SGD" else len(differing) == 1, name
