"""Owners of a tensor into which rows are written: those of the rows, and nobody's where only constants stand."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor

from wherefrom.gradients.origins import tensors_of
from wherefrom.gradients.owner_algebra import NOBODY, Mixed, Owners, agreed, compress, invariant

Lookup = Callable[[Tensor], Owners]
ADDED = {"index_add", "scatter_add", "scatter_reduce", "index_reduce"}
WRITES = {"index_copy", "index_put", "index_fill", "scatter"} | ADDED


def is_write(name: str) -> bool:
    """Return whether a function of this name writes rows into its first argument, or a copy of it."""
    return name == "__setitem__" or name.rstrip("_") in WRITES


def nobodys(tensor: Tensor) -> Tensor:
    """Return owners of a constant into which rows may be written."""
    return torch.full((1,) * tensor.dim(), NOBODY, device=tensor.device)


def written_owners(name: str, arguments: tuple[object, ...], keywords: Mapping[str, object], of: Lookup) -> Owners:
    """Return the owners of the first argument after a write, in place or not; None where they are not known.

    Arguments without owners are taken for constants. Raises :class:`Mixed`.
    """
    name = name if name == "__setitem__" else name.rstrip("_")
    target, rest = cast("Tensor", arguments[0]), cast("tuple[Any, ...]", arguments[1:])
    if name == "__setitem__":
        return _put(target, rest[0], rest[1], of, adds=False)
    if name == "index_put":
        values, adds = (*rest[1:], None, None)[:2]
        values = keywords.get("values", values)
        return _put(target, tuple(rest[0]), values, of, adds=bool(keywords.get("accumulate", adds)))
    given: dict[str, Any] = dict(zip(("dim", "index", "source"), rest, strict=False)) | {
        ("source" if key in ("src", "value") else key): part for key, part in keywords.items()
    }
    dim, index, source = given["dim"] % max(1, target.dim()), given["index"], given.get("source")
    if name.startswith("index_"):
        return _put(target, (slice(None),) * dim + (index,), source, of, adds=name in ADDED)
    return _scattered(target, dim, index, source, of, adds=name in ADDED)


def _put(target: Tensor, index: Any, values: Any, of: Lookup, *, adds: bool) -> Owners:
    """Return owners after ``target[index] = values`` or, with ``adds``, ``+=`` row by row."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(part is Ellipsis or part is None for part in parts):
        used = target.dim()
    else:
        used = sum(part.dim() if isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8) else 1 for part in parts)
    before = of(target)
    before = nobodys(target) if before is None else before
    whole = before.expand(*target.shape[:used], *before.shape[used:]).clone()
    slot = whole[index]
    new = _of_values(slot, index, values, of)
    if new is None:
        return None
    if adds:
        new = agreed(slot, new)
    whole[index] = new
    if not torch.equal(whole[index], new):  # rows of two examples written to one place
        raise Mixed
    return compress(whole, exact=True)


def _of_values(slot: Tensor, index: Any, values: Any, of: Lookup) -> Owners:
    """Return the owners of what is written, in the shape of the slot: of the values, or of the index that places constants."""
    own = of(values) if isinstance(values, Tensor) else None
    if own is not None:
        if own.dim() > slot.dim():
            return None
        own = own.view((1,) * (slot.dim() - own.dim()) + tuple(own.shape))
        fits = all(mine in (1, theirs) for mine, theirs in zip(own.shape, slot.shape, strict=True))
        return own.expand(slot.shape) if fits else None
    placed = [owners for part in tensors_of(index) if (owners := of(part)) is not None]
    if not placed:
        return torch.full_like(slot, NOBODY)
    return None if any(part.dtype != torch.bool for part in tensors_of(index)) else slot  # where a mask of data says so, constants are written


def _scattered(target: Tensor, dim: int, index: Tensor, source: Any, of: Lookup, *, adds: bool) -> Owners:
    """Return owners after ``target[..., index[..., j], ...] = source[..., j]`` along a dimension."""
    known = [owners for part in (index, source) if isinstance(part, Tensor) and part.dim() == index.dim() and (owners := of(part)) is not None]
    if not known:
        return of(target)
    own = agreed(*known) if len(known) > 1 else known[0]
    single = invariant(own, dim)
    if single is None:  # rows change places, all of a row together
        first = index[tuple(slice(None) if axis == dim else slice(0, 1) for axis in range(index.dim()))]
        if not torch.equal(first.expand_as(index), index) or not isinstance(source, Tensor) or source.shape[dim] != index.shape[dim]:
            return None
        return _put(target, (slice(None),) * dim + (first.flatten(),), source, of, adds=adds)
    if any(mine > 1 and mine != theirs for mine, theirs in zip(single.shape, target.shape, strict=True)):
        return None
    before = of(target)
    return single if before is None else agreed(before, single)
