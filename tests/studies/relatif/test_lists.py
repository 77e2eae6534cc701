"""What lists are like, by counting; what chance gives; and that costs are ratios with the fit in both."""

from itertools import combinations

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom_studies.relatif.lists import (
    INFLUENCE,
    METHODS,
    RANDOM,
    THETA,
    TOP,
    ExampleMarks,
    L,
    choose_diverse,
    cost_ratios,
    describe_chance,
    describe_lists,
    list_firsts,
    mark_outliers,
)


def marks(n: int, q: int) -> ExampleMarks:
    random = np.random.default_rng(0)
    flags = [random.random(n) < share for share in (0.2, 0.1)]
    return ExampleMarks(random.integers(0, 3, n), random.integers(0, 3, q), *flags)


def test_figures_are_counts() -> None:
    known, random = marks(30, 8), np.random.default_rng(1)
    firsts = np.stack([random.choice(30, TOP, replace=False) for _ in range(8)])
    found = describe_lists(firsts, known)
    pairs = [len(set(a) & set(b)) / TOP for a, b in combinations(firsts.tolist(), 2)]
    assert found["shared by two queries"] == pytest.approx(np.mean(pairs)) and found["distinct first"] == len(set(firsts[:, 0])) / 8
    assert found["of the query's class"] == pytest.approx(
        np.mean([known.labels[key] == known.query_labels[row] for row in range(8) for key in firsts[row]])
    )
    assert found["outliers"] == pytest.approx(known.outliers[firsts].mean()) and found["flipped"] == pytest.approx(known.flipped[firsts].mean())


def test_lists_drawn_at_random_give_what_chance_says() -> None:
    known, random = marks(40, 25), np.random.default_rng(2)
    drawn = [describe_lists(np.stack([random.choice(40, TOP, replace=False) for _ in range(25)]), known) for _ in range(400)]
    for what, expected in describe_chance(40, 25, known).items():
        values = [one[what] for one in drawn]
        assert abs(np.mean(values) - expected) < 4 * np.std(values) / 20


def test_the_fit_is_in_both_costs() -> None:
    assert cost_ratios({"fit": 3.0, INFLUENCE: 1.0, THETA: 3.0, L: 1.0}) == {THETA: 1.5, L: 1.0}


def test_lists_are_the_largest_scores_of_the_methods() -> None:
    torch.manual_seed(0)
    X, y = torch.randn(40, 3, dtype=torch.float64), torch.arange(40) % 2
    problem = wf.Problem.of(torch.nn.Linear(3, 2, dtype=torch.float64).eval(), wf.cross_entropy(l2=0.01), (X, y))
    queries = wf.Examples.of((X[:6], y[:6]))
    lists, fitted = list_firsts(wf.IHVP(wf.GaussNewton(), wf.Exact()), problem, queries, 0)
    for name, method in METHODS.items():
        top = wf.attribute(method(fitted), problem, queries, top=TOP, progress=False)
        np.testing.assert_array_equal(lists.firsts[name], top.ids)
    assert all(len(set(row)) == TOP for row in lists.firsts[RANDOM].tolist()) and min(lists.seconds.values()) >= 0
    chosen, _ = choose_diverse(lists, X, 2)
    assert chosen.shape == (2, TOP) and all(len(set(row)) == TOP for row in chosen.tolist())


def test_outliers_are_of_highest_loss() -> None:
    X, y = torch.arange(40.0)[:, None], torch.zeros(40)
    problem = wf.Problem.of(torch.nn.Linear(1, 1).eval(), wf.squared_error(), (X, y)).at({"weight": torch.ones(1, 1), "bias": torch.zeros(1)})
    np.testing.assert_array_equal(np.flatnonzero(mark_outliers(problem)), [38, 39])
