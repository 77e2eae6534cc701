"""Which example each row of a result belongs to: a torch function's effect on rows, mirrored on the owners of its arguments.

Owners have the rank of their tensor and size 1 along dimensions that do not tell examples apart, so that a mirrored function costs
next to nothing. Where a rule here is wrong or missing for a function, the proof against autograd finds it; nothing rests on it alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from wherefrom.gradients.origins import results_of, tensors_of
from wherefrom.gradients.owner_algebra import Mixed, Owners, broadcast_owners, compress, invariant, regroup
from wherefrom.gradients.writes import is_write, written_owners

Lookup = Callable[[Tensor], Owners]  # of data; None for constants and for what belongs to no example

REGROUPED = {"view", "reshape", "flatten", "unflatten", "view_as", "reshape_as", "contiguous", "ravel"}
MIRRORED = {
    "transpose", "permute", "unsqueeze", "squeeze", "expand", "expand_as", "repeat", "repeat_interleave", "index_select", "chunk", "split", "unbind",
    "narrow", "select", "movedim", "moveaxis", "swapaxes", "swapdims", "t", "T", "mT", "H", "mH", "roll", "flip", "tensor_split", "unsafe_chunk",
    "unsafe_split", "split_with_sizes", "tile", "diagonal", "rot90", "flatten_parameters", "unflatten", "hsplit", "vsplit", "adjoint", "unfold",
}  # fmt: skip
WRITTEN = {"repeat", "repeat_interleave", "index_select", "roll", "flip", "tile", "rot90"}  # of these the results are no views
REDUCED = {
    "sum", "mean", "amax", "amin", "max", "min", "argmax", "argmin", "prod", "norm", "var", "std", "logsumexp", "any", "all", "count_nonzero",
    "median", "nansum", "nanmean", "linalg_vector_norm", "mode", "kthvalue", "vector_norm",
}  # fmt: skip
ORDERED = {"sort", "argsort", "topk", "msort"}
PRODUCTS = {"matmul", "__matmul__", "__rmatmul__", "bmm", "mm", "mv", "dot", "baddbmm", "addmm", "addbmm"}


def follow(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any], result: Any, of: Lookup) -> list[Owners]:
    """Return the owners of each tensor of a result, in order; None where they are not known."""
    outputs = [tensor for _, tensor in results_of(result)]
    with torch.no_grad():
        try:
            found = _follow(name, function, arguments, keywords, outputs, of)
        except Mixed:
            found = [None] * len(outputs)
        except (RuntimeError, IndexError, TypeError, ValueError):  # another function of that name, such as F.unfold
            found = _by_default(arguments, keywords, outputs, of)
    return [owners if owners is not None and _fits(owners, output) else None for owners, output in zip(found, outputs, strict=True)]


def _fits(owners: Tensor, output: Tensor) -> bool:
    return owners.dim() == output.dim() and all(mine in (1, theirs) for mine, theirs in zip(owners.shape, output.shape, strict=True))


def _follow(
    name: str, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any], outputs: list[Tensor], of: Lookup
) -> list[Owners]:
    first = arguments[0] if arguments else None
    source, writes = of(first) if isinstance(first, Tensor) else None, is_write(name)
    if isinstance(first, Tensor) and source is not None and not writes:
        of_first = _follow_first(name, function, source, arguments, keywords, outputs)
        if of_first is not None:
            return list(of_first)
    if name in ("cat", "concat", "concatenate", "stack", "hstack", "vstack"):
        return [_joined(name, arguments, keywords, outputs[0], of)]
    if writes and isinstance(first, Tensor):
        return [written_owners(name, arguments, keywords, of)]
    if name in PRODUCTS:
        return [_product(arguments, outputs[0], of)]
    if name == "einsum":
        return [_einsum(arguments, outputs[0], of)]
    if name == "scaled_dot_product_attention":
        return [broadcast_owners([of(part) for part in arguments[:3]], outputs[0].shape)]
    if name == "linear" and source is not None:
        return [invariant(source, -1)]
    return _by_default(arguments, keywords, outputs, of)


def _by_default(arguments: tuple[Any, ...], keywords: Mapping[str, Any], outputs: list[Tensor], of: Lookup) -> list[Owners]:
    tensors = list(tensors_of((arguments, keywords)))
    known, rank = [owners for tensor in tensors if (owners := of(tensor)) is not None], max(tensor.dim() for tensor in tensors)
    try:
        return [_default(known, output, rank) for output in outputs]
    except Mixed:
        return [None] * len(outputs)


def _follow_first(
    name: str, function: Callable[..., Any], source: Tensor, arguments: tuple[Any, ...], keywords: Mapping[str, Any], outputs: list[Tensor]
) -> Sequence[Owners] | None:
    """Return owners that follow from those of the first argument alone; None for other functions."""
    first = arguments[0]
    if name in REGROUPED:
        return [regroup(source, first.shape, outputs[0].shape)]
    if name == "__getitem__":
        return [_picked(source, first, arguments[1])]
    if name in MIRRORED:
        mirrored = function(source.expand(first.shape), *arguments[1:], **keywords)
        return [compress(part, exact=name in WRITTEN) for _, part in results_of(mirrored)]
    if name in ("gather", "take_along_dim"):
        return [_gathered(source, first, *arguments[1:], **keywords)]
    if name in ORDERED:
        return _ordered(source, first, outputs, arguments, keywords)
    if name in REDUCED and outputs[0].dim() < first.dim():
        reduced = _reduced(source, first, arguments, keywords)
        return [reduced] * len(outputs)
    if name in ("one_hot", "embedding"):
        return [source[..., None]]
    if name == "nonzero" or (name == "where" and len(arguments) == 1):
        places = tuple(outputs[0].unbind(1)) if name == "nonzero" and not keywords.get("as_tuple") else tuple(outputs)
        rows = source.expand(first.shape)[places]
        return [rows[:, None]] if outputs[0].dim() == 2 else [rows] * len(outputs)
    if name == "masked_select":
        return [source.expand(first.shape)[arguments[1].expand(first.shape)]]
    return None


def _default(known: list[Tensor], output: Tensor, rank: int) -> Owners:
    """Return owners of what broadcasts its arguments, of at most this rank, or keeps their first dimension."""
    if not known:
        return None
    spread = broadcast_owners(known, output.shape) if output.dim() <= rank else None  # what gains a dimension aligns by no rule
    if spread is not None:
        return spread
    return _first_dimension(max(known, key=Tensor.dim), output)[0]


def _first_dimension(owners: Tensor, output: Tensor) -> list[Owners]:
    """Return the owners of the first dimension, where they are told apart there alone and the output is as long."""
    if output.dim() and all(size == 1 for size in owners.shape[1:]) and len(output) == len(owners):
        return [owners.reshape(-1, *(1,) * (output.dim() - 1))]
    return [None]


def _picked(owners: Tensor, tensor: Tensor, index: Any) -> Tensor:
    parts = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(part, Tensor) and part.dim() for part in parts):
        return compress(owners.expand(tensor.shape)[index])
    if any(part is Ellipsis or part is None for part in parts):
        return compress(owners.expand(tensor.shape)[index], exact=True)
    used = sum(part.dim() if isinstance(part, Tensor) and part.dtype in (torch.bool, torch.uint8) else 1 for part in parts)
    leading = owners.expand(*tensor.shape[:used], *owners.shape[used:])
    return compress(leading[index], exact=True)


def _gathered(owners: Tensor, tensor: Tensor, dim: Any, index: Any = None, **_: Any) -> Tensor:
    if isinstance(dim, Tensor):
        dim, index = index, dim
    if owners.shape[dim] == 1:
        for axis, size in enumerate(index.shape):
            if owners.shape[axis] > size:
                owners = owners.narrow(axis, 0, size)
        return owners
    return compress(owners.expand(tensor.shape).gather(dim, index), exact=True)


def _ordered(owners: Tensor, tensor: Tensor, outputs: list[Tensor], arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> list[Owners]:
    dim = keywords.get("dim", -1)
    if owners.shape[dim] == 1:
        return [owners] * len(outputs)
    indices = outputs[-1]
    return [compress(owners.expand(tensor.shape).gather(dim, indices), exact=True)] * len(outputs)


def _reduced(owners: Tensor, tensor: Tensor, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Owners:
    dims = keywords.get("dim", keywords.get("axis"))
    if dims is None:
        numbers = [part for part in arguments[1:] if isinstance(part, (int, tuple, list)) and not isinstance(part, bool)]
        dims = numbers[0] if numbers else None
    if dims is None:
        return None
    dims = [dims] if isinstance(dims, int) else list(dims)
    for dim in dims:
        found = invariant(owners, dim)
        if found is None:
            return None
        owners = found
    return owners.squeeze(tuple(dims))


def _joined(name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Tensor, of: Lookup) -> Owners:
    parts = list(tensors_of(arguments[0] if arguments else keywords["tensors"]))
    dim = arguments[1] if len(arguments) > 1 else keywords.get("dim", 0)
    known = [of(part) for part in parts]
    if name == "stack":
        known = [None if owners is None else owners.unsqueeze(dim) for owners in known]
        return broadcast_owners(known, output.shape)
    fixed = [owners for owners in known if owners is not None]
    if all(owners.shape[dim] == 1 for owners in fixed):
        return broadcast_owners(fixed, output.shape) if len(fixed) == len(known) or any(max(o.shape) > 1 for o in fixed) else None
    if len(fixed) < len(known):
        return None
    sides = [max(owners.shape[axis] for owners in fixed) for axis in range(output.dim())]
    whole = []
    for owners, part in zip(fixed, parts, strict=True):
        sides[dim] = part.shape[dim]
        whole.append(owners.expand(sides))
    return compress(torch.cat(whole, dim), exact=True)


def _product(arguments: tuple[Any, ...], output: Tensor, of: Lookup) -> Owners:
    """Return owners of a product of matrices: rows from the left side, columns from the right one."""
    factors = [part for part in arguments if isinstance(part, Tensor)][-2:]
    if len(factors) != 2 or any(part.dim() < 2 for part in factors):
        known = [owners for part in factors if (owners := of(part)) is not None]
        if len(known) == 1 and factors[1].dim() == 1 and of(factors[1]) is None:
            left = invariant(known[0], -1)
            return None if left is None else left[..., 0]
        return None
    found: list[Owners] = []
    for owners, axis in ((of(factors[0]), -1), (of(factors[1]), -2)):
        if owners is not None:
            single = invariant(owners, axis)
            if single is None:
                return None
            found.append(single)
    return broadcast_owners(found, output.shape)


def _einsum(arguments: tuple[Any, ...], output: Tensor, of: Lookup) -> Owners:
    equation, *operands = arguments
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = list(operands[0])
    if not isinstance(equation, str) or "." in equation or "->" not in equation:
        return _default([owners for part in operands if (owners := of(part)) is not None], output, output.dim())
    left, right = equation.replace(" ", "").split("->")
    found: list[Owners] = []
    for labels, operand in zip(left.split(","), operands, strict=True):
        owners = of(operand)
        if owners is None:
            continue
        for axis, label in enumerate(labels):
            if label not in right:
                single = invariant(owners, axis)
                if single is None:
                    return None
                owners = single
        kept = [label for label in labels if label in right]
        owners = owners.reshape([size for label, size in zip(labels, owners.shape, strict=True) if label in right])
        order = sorted(range(len(kept)), key=lambda place, kept=kept: right.index(kept[place]))
        owners = owners.permute(order)
        places = iter(owners.shape)
        found.append(owners.reshape([next(places) if label in kept else 1 for label in right]))
    return broadcast_owners(found, output.shape)
