"""Every way to contract two blocks gives the same numbers."""

from itertools import product

import pytest
import torch

from wherefrom.gradients import Dense, Factored
from wherefrom.gradients.blocks import Block, Indexed, SumBlock
from wherefrom.gradients.contraction import paired_products, products


def block(kind: str, k: int, o: int, i: int) -> Block:
    if kind == "dense":
        return Dense(torch.randn(k, o, i).double())
    if kind == "looked up":
        return Indexed(torch.randint(o, (k, 3)), torch.randn(k, 3, i).double(), o)
    if kind == "tied":  # a table that is read at both ends of a model
        return SumBlock((block("few", k, o, i), block("looked up", k, o, i)))
    positions = {"one": 1, "few": 3, "many": 40}[kind]
    return Factored(torch.randn(k, positions, i).double(), torch.randn(k, positions, o).double())


KINDS = ["dense", "one", "few", "many", "looked up", "tied"]


@pytest.mark.parametrize(("left", "right"), list(product(KINDS, KINDS)))
@pytest.mark.parametrize(("m", "n", "o", "i"), [(2, 3, 4, 5), (1, 50, 2, 30), (40, 2, 30, 2)])
def test_products_equal_those_of_flat_rows(left: str, right: str, m: int, n: int, o: int, i: int) -> None:
    a, b = block(left, m, o, i), block(right, n, o, i)
    torch.testing.assert_close(products(a, b), a.dense().flatten(1) @ b.dense().flatten(1).T)


@pytest.mark.parametrize(("left", "right"), list(product(KINDS, KINDS)))
def test_paired_products_are_the_diagonal(left: str, right: str) -> None:
    a, b = block(left, 6, 4, 3), block(right, 6, 4, 3)
    torch.testing.assert_close(paired_products(a, b), products(a, b).diagonal())
