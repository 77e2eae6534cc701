"""Greedy choice: lazy equals plain, both near the best of all sets, and equal examples in the order of the data."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

import wherefrom as wf
from wherefrom.selection import Diversity
from wherefrom.selection.diversity import Spread
from wherefrom.selection.greedy import first_best, greedy, lazy_greedy, plain_greedy
from wherefrom.selection.kernel import Kernel

SHARE = 1 - 1 / math.e


def fitted(form: Diversity, n: int, m: int, seed: int, copies: bool = False) -> tuple[Tensor, Spread]:
    random = torch.Generator().manual_seed(seed)
    X, influence = torch.randn(n, 3, generator=random).double(), torch.rand(n, generator=random).double()
    if copies:
        X, influence = X.repeat(3, 1), influence.repeat(3)
    return influence / influence.topk(m).values.sum(), form.over(Kernel.of(X, np.arange(len(X)), None, 0, None), m, False)


def value(influence: Tensor, gamma: float, spread: Spread, chosen: list[int]) -> float:
    state = torch.zeros_like(influence)
    for place in chosen:
        state = spread.joined(state, spread.kernel.row(place))
    return float(influence[chosen].sum()) + gamma * spread.value(state, chosen)


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 3.0, 100.0])
def test_lazy_chooses_as_plain_does(gamma: float, copies: bool) -> None:
    for seed in range(3):
        influence, spread = fitted(wf.select.FacilityLocation(), 60, 12, seed, copies)
        assert spread.first is not None
        plain, lazy = plain_greedy(influence, gamma, spread, 12), lazy_greedy(influence, gamma, spread, 12, spread.first)
        assert plain[0] == lazy[0] and torch.equal(plain[1], lazy[1])
        redundancy = wf.select.SumRedundancy().over(spread.kernel, 12, False)
        nothing = torch.zeros_like(influence)  # redundancy takes no part in the first choice
        assert plain_greedy(influence, gamma, redundancy, 12)[0] == lazy_greedy(influence, gamma, redundancy, 12, nothing)[0]


def test_a_lazy_choice_looks_at_fewer_gains(monkeypatch: pytest.MonkeyPatch) -> None:
    influence, spread = fitted(wf.select.FacilityLocation(), 1000, 10, 0)
    looked, gains = [], type(spread).gains
    monkeypatch.setattr(type(spread), "gains", lambda self, state, chosen, places: looked.append(len(places)) or gains(self, state, chosen, places))
    greedy(influence, 1.0, spread, 10)
    assert sum(looked) < 0.2 * 10 * 1000


@pytest.mark.parametrize("form", [wf.select.FacilityLocation(), wf.select.MMD()], ids=repr)
def test_at_least_1_less_1_over_e_of_the_best_of_all_sets(form: Diversity) -> None:
    """A promise for facility location; for MMD, which is not submodular, what these 20 choices show."""
    for seed in range(10):
        influence, spread = fitted(form, 12, 3, seed)
        for gamma in (0.3, 3.0):
            best = max(value(influence, gamma, spread, list(chosen)) for chosen in combinations(range(12), 3))
            assert value(influence, gamma, spread, greedy(influence, gamma, spread, 3)[0]) >= SHARE * best


def test_copies_of_one_example_are_chosen_in_the_order_of_the_data() -> None:
    influence = torch.full((9,), 1 / 3).double()
    for form in (wf.select.FacilityLocation(), wf.select.SumRedundancy(), wf.select.MMD()):
        kernel = Kernel.of(torch.eye(3).repeat(3, 1), np.arange(9), None, 0, None)
        assert greedy(influence, 1.0, form.over(kernel, 3, False), 3)[0] == [0, 1, 2]
    assert first_best(torch.tensor([1.0, 2.0 - 1e-13, 2.0], dtype=torch.float64), 1e-12) == 1
