"""Trees of tensors."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import torch

from wherefrom.data.trees import all_finite, leaves, tree_map

Pair = namedtuple("Pair", "a b")


@dataclass
class Box:
    x: torch.Tensor
    name: str


def test_every_kind_of_branch() -> None:
    tree = {"a": (torch.ones(1), [torch.ones(2)]), "b": Pair(torch.ones(3), 5), "c": Box(torch.ones(4), "n"), "d": np.ones(5)}
    doubled = tree_map(lambda leaf: 2 * leaf, tree)
    assert [len(leaf) for leaf in leaves(doubled)] == [1, 2, 3, 4, 5] and all((leaf == 2).all() for leaf in leaves(doubled))
    assert isinstance(doubled["b"], Pair) and doubled["b"].b == 5 and doubled["c"].name == "n"
    assert tree["c"].x.sum() == 4


def test_one_entry_that_is_not_finite_is_seen_and_a_sum_that_overflows_is_not_mistaken() -> None:
    values = torch.ones(3, 4)
    assert all_finite(values) and all_finite(torch.arange(3)) and all_finite(torch.zeros(0))
    assert all_finite(torch.full((9,), 3e38)) and all_finite(torch.full((9,), 60000.0, dtype=torch.float16))
    for bad in (np.inf, -np.inf, np.nan):
        values[1, 2] = bad
        assert not all_finite(values)
    assert not all_finite(torch.tensor([np.inf, -np.inf]))
