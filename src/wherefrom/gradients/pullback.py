"""Gradients at functions of parameters, carried back to the parameters: as factors where that is a transpose or a cast, else written out."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from wherefrom.gradients.blocks import Block, Dense, Factored, Indexed
from wherefrom.gradients.grouped import Stack
from wherefrom.gradients.origins import Pure
from wherefrom.gradients.uses import natural_shape

SAME = {"to", "float", "double", "half", "bfloat16", "type", "type_as", "contiguous", "clone"}
TURNED = {"t", "T", "mT", "adjoint", "H", "mH"}
RESHAPED = {"view", "reshape", "flatten", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as"}


def pull_back(pure: Pure, block: Block, parameters: Mapping[str, Tensor], dtype: torch.dtype) -> Iterator[tuple[str, Block]]:
    """Yield (parameter, block of its natural shape in ``dtype``) for the block of something made of parameters."""
    while pure.function is not None and len(pure.parents) == 1 and pure.place is None:
        parent = pure.parents[0]
        if turns(pure):
            block = transposed(block)
        elif pure.name in SAME and pure.tensor.shape == parent.tensor.shape:
            pass
        elif pure.name in RESHAPED:
            block = block if natural_shape(pure.tensor.shape) == natural_shape(parent.tensor.shape) else _reshaped(block, parent.tensor)
        elif pure.name == "embedding" and isinstance(block, Indexed) and parent.tensor.dim() == 2:
            block = _looked_up(pure, block)
        else:
            break
        pure = parent
    if pure.function is None:
        yield pure.roots[0], _cast(block, dtype)
    elif (number := _member(pure)) is not None:
        root = pure.parents[0].roots[0]
        yield root, Stack({number: _cast(block, dtype)}, len(parameters[root]))
    else:
        for root, written in _written(pure, block, parameters):
            yield root, _cast(written, dtype)


def _looked_up(pure: Pure, block: Indexed) -> Indexed:
    """Return rows of what was looked up at fixed places, such as positions, as rows of the table itself."""
    places, width = pure.arguments[0], pure.tensor.shape[-1]
    padding = pure.arguments[2] if len(pure.arguments) > 2 else (pure.keywords or {}).get("padding_idx")
    tokens = places.reshape(len(places), -1)[block.tokens].flatten(1)
    values = block.values.reshape(len(block), -1, width)
    rows = len(pure.parents[0].tensor)
    return Indexed(tokens, values if padding is None else values * (tokens != padding % rows)[..., None], rows)


def _member(pure: Pure) -> int | None:
    """Return which matrix of a stack of parameters this is; None for others."""
    parent = pure.parents[0]
    if len(pure.parents) != 1 or parent.function is not None or parent.tensor.dim() != 3 or pure.tensor.dim() != 2 or pure.place is not None:
        return None
    if pure.name == "select" and pure.arguments[1] == 0:
        return int(pure.arguments[2]) % len(parent.tensor)
    if pure.name == "__getitem__" and isinstance(pure.arguments[1], (int, Tensor)):
        return int(pure.arguments[1]) % len(parent.tensor)
    return None


def transposed(block: Block) -> Block:
    """Return the block of the transposed matrix."""
    return Factored(block.outputs, block.inputs) if isinstance(block, Factored) else Dense(block.dense().mT)


def turns(pure: Pure) -> bool:
    """Return whether something made of a matrix is its transpose."""
    if pure.tensor.dim() != 2 or pure.name in TURNED:
        return pure.tensor.dim() == 2
    if pure.name not in ("transpose", "swapaxes", "permute"):
        return False
    dims = pure.arguments[1:] if not (len(pure.arguments) == 2 and isinstance(pure.arguments[1], (tuple, list))) else tuple(pure.arguments[1])
    given = tuple(dim % 2 for dim in dims) if all(isinstance(dim, int) for dim in dims) else ()
    return given == (1, 0) or (given == (0, 1) and pure.name != "permute")


def _reshaped(block: Block, parent: Tensor) -> Dense:
    return Dense(block.dense().reshape(len(block), *natural_shape(parent.shape)))


def _cast(block: Block, dtype: torch.dtype) -> Block:
    if isinstance(block, Dense):
        return Dense(block.values.to(dtype))
    if isinstance(block, Factored):
        return Factored(block.inputs.to(dtype), block.outputs.to(dtype))
    return Indexed(block.tokens, block.values.to(dtype), block.rows) if isinstance(block, Indexed) else block


def _written(pure: Pure, block: Block, parameters: Mapping[str, Tensor]) -> Iterator[tuple[str, Block]]:
    """Write the rows out and take each through the function's derivative."""
    rows = block.dense().reshape(len(block), *pure.tensor.shape).to(pure.tensor.dtype)
    leaves = {name: parameters[name].detach().clone().requires_grad_() for name in pure.roots}
    with torch.enable_grad():
        made = pure.remade(leaves)
    if not made.requires_grad:
        return
    try:
        found = torch.autograd.grad(made, list(leaves.values()), rows, is_grads_batched=True, allow_unused=True, retain_graph=True)
    except RuntimeError:  # a function whose derivative cannot be mapped
        each = [torch.autograd.grad(made, list(leaves.values()), row, allow_unused=True, retain_graph=True) for row in rows]
        found = tuple(None if parts[0] is None else torch.stack(parts) for parts in zip(*each, strict=True))
    for (name, leaf), values in zip(leaves.items(), found, strict=True):
        if values is not None:
            yield name, Dense(values.reshape(len(block), *natural_shape(leaf.shape)))
