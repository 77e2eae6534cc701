"""Owners of rows by themselves: brought together, regrouped and made as small as they can be."""

from collections.abc import Sequence

import torch
from torch import Tensor

Owners = Tensor | None
NOBODY = -1  # the owner of constants among rows of examples, until something is written there


class Mixed(Exception):
    """Entries of several examples meet in one."""


def broadcast_owners(found: Sequence[Owners], shape: torch.Size) -> Owners:
    """Return the one set of owners that these agree on, at the rank of ``shape``."""
    chosen: Owners = None
    for owners in found:
        if owners is None:
            continue
        if owners.dim() > len(shape):
            return None
        if owners.dim() < len(shape):
            owners = owners.view((1,) * (len(shape) - owners.dim()) + tuple(owners.shape))
        if any(mine not in (1, size) for mine, size in zip(owners.shape, shape, strict=True)):
            return None
        chosen = owners if chosen is None or chosen is owners else agreed(chosen, owners)
    return chosen


def agreed(one: Tensor, other: Tensor) -> Tensor:
    """Return the owners that both are, where nobody gives way to anybody. Raises :class:`Mixed` where they differ."""
    if one.shape == other.shape and torch.equal(one, other):
        return one
    same = one == other
    if bool(same.all()):
        return one
    if not bool((same | (one == NOBODY) | (other == NOBODY)).all()):
        raise Mixed
    return torch.maximum(one, other)


def regroup(owners: Tensor, before: torch.Size, after: torch.Size) -> Tensor:
    """Return owners after a reshape: dimensions are merged and split in the smallest groups that go together."""
    if before == after:
        return owners
    shape: list[int] = []
    i = j = 0
    while i < len(before) or j < len(after):
        start, stop, mine, theirs = i, j, 1, 1
        if i < len(before):
            mine, i = before[i], i + 1
        if j < len(after):
            theirs, j = after[j], j + 1
        while mine != theirs:
            if mine < theirs:
                mine, i = mine * before[i], i + 1
            else:
                theirs, j = theirs * after[j], j + 1
        if all(size == 1 for size in owners.shape[start:i]):
            shape += [1] * (j - stop)
        else:
            shape += after[stop:j]
            owners = owners.expand(*owners.shape[:start], *before[start:i], *owners.shape[i:])
    return compress(owners.reshape(shape), exact=True)


def compress(owners: Tensor, *, exact: bool = False) -> Tensor:
    """Return owners with size 1 along dimensions that do not tell examples apart; ``exact`` looks at the entries too."""
    for axis in range(owners.dim()):
        if owners.shape[axis] > 1:
            single = owners.narrow(axis, 0, 1)
            if owners.stride(axis) == 0 or (exact and bool((owners == single).all())):
                owners = single
    return owners


def invariant(owners: Tensor, axis: int) -> Owners:
    """Return owners of size 1 along an axis; None where they differ there."""
    if owners.shape[axis] == 1:
        return owners
    single = owners.amax(axis, keepdim=True)
    return single if bool(((owners == single) | (owners == NOBODY)).all()) else None
