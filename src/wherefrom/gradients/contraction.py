"""Inner products of two blocks, each by the cheapest of Gram products, factors against dense, and dense against dense.

Cost of (m rows, positions T) against (n rows, positions S) of an (o, i) layer, in multiplications:
Gram m·n·T·S·(i + o); through the factors of the second m·n·S·o·(i + 1); dense m·n·o·i after writing out T·o·i per row.
Of rows not written yet, forward mode takes m products over all n examples at once, each at the price of a few passes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from wherefrom.gradients.blocks import Block, Deferred, Dense, Factored, Indexed, SumBlock, parts, pieces
from wherefrom.gradients.grouped import Stack

GRAM_ENTRIES = 1 << 24  # the most entries of one Gram product held at a time
Factors = Factored | Indexed


def products(left: Block, right: Block) -> Tensor:
    """(m, n) inner products of every row of ``left`` with every row of ``right``."""
    if isinstance(left, SumBlock):
        return torch.stack([products(part, right) for part in left.parts]).sum(0)
    if isinstance(right, SumBlock):
        return torch.stack([products(left, part) for part in right.parts]).sum(0)
    if isinstance(left, Stack) or isinstance(right, Stack):
        return _stack_products(left, right)
    (way,), _ = contraction(left, right)
    if way == "gram" and isinstance(left, Factors) and isinstance(right, Factors):
        return _gram(left, right)
    if way == "common rows" and isinstance(left, Indexed) and isinstance(right, Indexed):
        kept = _common(left, right)
        if len(kept) == 0:
            return left.values.new_zeros(len(left), len(right))
        return left.restricted(kept).flatten(1) @ right.restricted(kept).flatten(1).T
    if way == "right" and isinstance(right, Factored):
        return _through(left.dense(), right)
    if way == "left" and isinstance(left, Factored):
        return _through(right.dense(), left).T
    if way == "forward right" and isinstance(right, Deferred):
        return right.along(left.dense())
    if way == "forward left" and isinstance(left, Deferred):
        return left.along(right.dense()).T
    flat = left.dense().flatten(1)
    if isinstance(right, Dense) or not len(right):
        return flat @ right.dense().flatten(1).T
    return torch.cat([flat @ some.flatten(1).T for _, some in pieces(right)], 1)


def contraction(left: Block, right: Block) -> tuple[tuple[str, ...], int]:
    """The ways that :func:`products` takes, one for each pair of parts, and their multiplications."""
    if isinstance(left, SumBlock) or isinstance(right, SumBlock):
        found = [contraction(mine, theirs) for mine in parts(left) for theirs in parts(right)]
        return tuple(way for ways_of, _ in found for way in ways_of), sum(cost for _, cost in found)
    if isinstance(left, Stack) or isinstance(right, Stack):
        found = [contraction(mine, theirs) for mine, theirs in _members(left, right)]
        return tuple(way for ways_of, _ in found for way in ways_of) or ("dense",), sum(cost for _, cost in found)
    costs = ways(left, right)
    way = min(costs, key=lambda name: costs[name])
    return (way,), costs[way]


def ways(left: Block, right: Block) -> dict[str, int]:
    """Multiplications of each way that these two blocks can be contracted."""
    o, i = left.shape
    costs = {"dense": _write_cost(left) + _write_cost(right) + len(left) * len(right) * o * i}
    if isinstance(right, Factored):
        costs["right"] = _write_cost(left) + _through_cost(left, right)
    if isinstance(left, Factored):
        costs["left"] = _write_cost(right) + _through_cost(right, left)
    if isinstance(right, Deferred):
        costs["forward right"] = _write_cost(left) + len(left) * _forward_cost(right)
    if isinstance(left, Deferred):
        costs["forward left"] = _write_cost(right) + len(right) * _forward_cost(left)
    if isinstance(left, Factors) and isinstance(right, Factors):
        side = i + (0 if isinstance(left, Indexed) or isinstance(right, Indexed) else o)
        costs["gram"] = len(left) * len(right) * _positions(left) * _positions(right) * (side + 2)
    if isinstance(left, Indexed) and isinstance(right, Indexed):
        costs["common rows"] = (len(left) + 1) * (len(right) + 1) * max(1, len(_common(left, right))) * i
    return costs


def _members(left: Block, right: Block) -> Sequence[tuple[Block, Block]]:
    """The matrices that two stacks, or a stack and a block of its shape, have in common."""
    if isinstance(left, Stack) and isinstance(right, Stack):
        return [(left.members[number], right.members[number]) for number in left.members if number in right.members]
    stack, other = (left, right) if isinstance(left, Stack) else (right, left)
    assert isinstance(stack, Stack)
    slices = other.dense().unflatten(1, (stack.count, -1))
    pairs = [(member, Dense(slices[:, number])) for number, member in stack.members.items()]
    return pairs if stack is left else [(theirs, mine) for mine, theirs in pairs]


def _stack_products(left: Block, right: Block) -> Tensor:
    found = [products(mine, theirs) for mine, theirs in _members(left, right)]
    return torch.stack(found).sum(0) if found else left.like.new_zeros(len(left), len(right))


def paired_products(left: Block, right: Block) -> Tensor:
    """(k,) inner products of row j with row j."""
    if isinstance(left, Stack) and isinstance(right, Stack):
        found = [paired_products(mine, theirs) for mine, theirs in _members(left, right)]
        return torch.stack(found).sum(0) if found else left.like.new_zeros(len(left))
    if isinstance(left, SumBlock) or isinstance(right, SumBlock):
        if not all(isinstance(part, Factors) for part in (*parts(left), *parts(right))):
            return (left.dense() * right.dense()).sum((1, 2))
        return torch.stack([paired_products(mine, theirs) for mine in parts(left) for theirs in parts(right)]).sum(0)
    if isinstance(left, Indexed) and isinstance(right, Indexed):
        return ((left.values @ right.values.mT) * (left.tokens[:, :, None] == right.tokens[:, None, :])).sum((1, 2))
    if isinstance(right, Factored):
        if isinstance(left, Indexed):
            looked_up = right.outputs.gather(2, left.tokens[:, None, :].expand(-1, right.outputs.shape[1], -1))
            return ((right.inputs @ left.values.mT) * looked_up).sum((1, 2))
        if isinstance(left, Factored):
            return ((left.inputs @ right.inputs.mT) * (left.outputs @ right.outputs.mT)).sum((1, 2))
        return ((right.outputs @ left.dense()) * right.inputs).sum((1, 2))
    if isinstance(left, Factored):
        return paired_products(right, left)
    return (left.dense() * right.dense()).sum((1, 2))


def _gram(left: Factors, right: Factors) -> Tensor:
    """Σₜₛ (aₜ·aₛ)(dₜ·dₛ): two matrix products of the factors, multiplied entry by entry."""
    m, n, t, s = len(left), len(right), _positions(left), _positions(right)
    step = max(1, GRAM_ENTRIES // max(1, t * n * s))
    found = []
    for start in range(0, m, step):
        part = left.select(slice(start, start + step))
        both = (_columns(part).flatten(0, 1) @ _columns(right).flatten(0, 1).T).mul_(_rows_gram(part, right))
        found.append(both if t == s == 1 else both.view(-1, t, n, s).sum((1, 3)))
    return torch.cat(found) if len(found) != 1 else found[0]


def _columns(block: Block) -> Tensor:
    """The factor (k, T, i) along the columns."""
    return block.inputs if isinstance(block, Factored) else block.values if isinstance(block, Indexed) else block.dense()


def _rows_gram(left: Block, right: Block) -> Tensor:
    """(m·T, n·S) inner products of the factors along the rows; of a one-hot factor they are looked up."""
    if isinstance(left, Factored) and isinstance(right, Factored):
        return left.outputs.flatten(0, 1) @ right.outputs.flatten(0, 1).T
    if isinstance(left, Indexed) and isinstance(right, Indexed):
        return left.tokens.reshape(-1, 1) == right.tokens.reshape(1, -1)
    if isinstance(left, Indexed) and isinstance(right, Factored):
        return right.outputs.flatten(0, 1)[:, left.tokens.flatten()].T
    return _rows_gram(right, left).T


def _common(left: Indexed, right: Indexed) -> Tensor:
    """The table rows that both sides look up, sorted."""
    mine, theirs = left.tokens.unique(), right.tokens.unique()
    return mine[torch.isin(mine, theirs, assume_unique=True)]


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


def _positions(block: Factors) -> int:
    return _columns(block).shape[1]


def _write_cost(block: Block) -> int:
    o, i = block.shape
    if isinstance(block, Deferred):
        return block.price * _forward_cost(block)
    if isinstance(block, Indexed):
        return len(block) * o * i
    return len(block) * (_positions(block) + 1) * o * i if isinstance(block, Factored) else 0


def _forward_cost(block: Deferred) -> int:
    """One product over all examples, at least a pass through the parameters, forward with its tangent."""
    o, i = block.shape
    return 2 * len(block) * o * i


def _through_cost(dense: Block, factored: Factored) -> int:
    o, i = factored.shape
    return len(dense) * len(factored) * _positions(factored) * o * (i + 1)
