"""Inner products of two blocks, each by the cheapest of Gram products, factors against dense, and dense against dense.

Cost of (m rows, positions T) against (n rows, positions S) of an (o, i) layer, in multiplications:
Gram m·n·T·S·(i + o); through the factors of the second m·n·S·o·(i + 1); dense m·n·o·i after writing out T·o·i per row.
"""

import torch
from torch import Tensor

from whence.gradients.blocks import Block, Factored

GRAM_ENTRIES = 1 << 24  # the most entries of one Gram product held at a time


def products(left: Block, right: Block) -> Tensor:
    """(m, n) inner products of every row of ``left`` with every row of ``right``."""
    costs = {"dense": _dense_cost(left, right)}
    if isinstance(right, Factored):
        costs["right"] = _write_cost(left) + _through_cost(left, right)
    if isinstance(left, Factored):
        costs["left"] = _write_cost(right) + _through_cost(right, left)
    if isinstance(left, Factored) and isinstance(right, Factored):
        costs["gram"] = len(left) * len(right) * _positions(left) * _positions(right) * (sum(_sizes(left)) + 2)
    way = min(costs, key=lambda name: costs[name])
    if way == "gram" and isinstance(left, Factored) and isinstance(right, Factored):
        return _gram(left, right)
    if way == "right" and isinstance(right, Factored):
        return _through(left.dense(), right)
    if way == "left" and isinstance(left, Factored):
        return _through(right.dense(), left).T
    return left.dense().flatten(1) @ right.dense().flatten(1).T


def paired_products(left: Block, right: Block) -> Tensor:
    """(k,) inner products of row j with row j."""
    if isinstance(right, Factored):
        if isinstance(left, Factored):
            return ((left.inputs @ right.inputs.mT) * (left.outputs @ right.outputs.mT)).sum((1, 2))
        return ((right.outputs @ left.dense()) * right.inputs).sum((1, 2))
    if isinstance(left, Factored):
        return paired_products(right, left)
    return (left.dense() * right.dense()).sum((1, 2))


def _gram(left: Factored, right: Factored) -> Tensor:
    """Σₜₛ (aₜ·aₛ)(dₜ·dₛ): two matrix products of the factors, multiplied entry by entry."""
    (m, t, _), (n, s, _) = left.inputs.shape, right.inputs.shape
    a, d = right.inputs.flatten(0, 1).T, right.outputs.flatten(0, 1).T
    step = max(1, GRAM_ENTRIES // max(1, t * n * s))
    found = []
    for start in range(0, m, step):
        here = slice(start, start + step)
        both = (left.inputs[here].flatten(0, 1) @ a).mul_(left.outputs[here].flatten(0, 1) @ d)
        found.append(both if t == s == 1 else both.view(-1, t, n, s).sum((1, 3)))
    return torch.cat(found) if len(found) != 1 else found[0]


def _through(dense: Tensor, factored: Factored) -> Tensor:
    """Σₛ dₛᵀ W aₛ for every W (o, i) of ``dense`` and every row of ``factored``: (m, n)."""
    (m, o, i), (n, s, _) = dense.shape, factored.inputs.shape
    step = max(1, GRAM_ENTRIES // max(1, o * n * s))
    found = []
    for start in range(0, m, step):
        weights = dense[start : start + step]
        pushed = (weights.reshape(-1, i) @ factored.inputs.flatten(0, 1).T).view(len(weights), o, n * s)
        found.append((pushed * factored.outputs.flatten(0, 1).T).sum(1).view(len(weights), n, s).sum(2))
    return torch.cat(found) if len(found) != 1 else found[0]


def _sizes(block: Block) -> tuple[int, int]:
    if isinstance(block, Factored):
        return block.outputs.shape[2], block.inputs.shape[2]
    return block.dense().shape[1], block.dense().shape[2]


def _positions(block: Factored) -> int:
    return block.inputs.shape[1]


def _write_cost(block: Block) -> int:
    o, i = _sizes(block)
    return len(block) * (_positions(block) + 1) * o * i if isinstance(block, Factored) else 0


def _dense_cost(left: Block, right: Block) -> int:
    o, i = _sizes(left)
    return _write_cost(left) + _write_cost(right) + len(left) * len(right) * o * i


def _through_cost(dense: Block, factored: Factored) -> int:
    o, i = _sizes(factored)
    return len(dense) * len(factored) * _positions(factored) * o * (i + 1)
