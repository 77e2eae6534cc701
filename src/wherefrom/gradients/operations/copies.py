"""Operations that are given a copy of the parameter for each row of examples, of which autograd finds the gradient."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from wherefrom.gradients.blocks import Dense, Indexed
from wherefrom.gradients.origins import Pure, tensors_of
from wherefrom.gradients.recorder import Call
from wherefrom.gradients.uses import Part, Pass, Use, natural_shape

ELEMENTWISE = {
    "add", "__add__", "__radd__", "__iadd__", "add_", "sub", "subtract", "__sub__", "__rsub__", "__isub__", "sub_", "rsub", "mul", "multiply",
    "__mul__", "__rmul__", "__imul__", "mul_", "div", "divide", "true_divide", "__truediv__", "__rtruediv__", "__itruediv__", "div_", "pow",
    "__pow__", "__rpow__", "maximum", "minimum", "fmax", "fmin", "where", "addcmul", "addcdiv", "lerp", "masked_fill", "max", "min", "hypot", "atan2",
    "cat", "concat", "concatenate", "stack", "scaled_dot_product_attention", "baddbmm", "clamp", "clip", "softplus", "logaddexp", "xlogy", "sum",
}  # fmt: skip


@dataclass(eq=False)
class CopiesUse(Use):
    """``copies`` (rows of examples first, then a tensor's shape) stand in for one tensor; owners (R,) say whose each is.

    ``axes`` are the dimensions of ``copies`` that are rows of examples; none for a single example.
    """

    operation: str
    pure: Pure
    copies: Tensor
    owners: Tensor
    axes: tuple[int, ...]
    kind: str = "copies"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        count = len(self.axes)
        rows = gradient.movedim(self.axes, tuple(range(count))).flatten(0, count - 1) if count else gradient[None]
        packed = rows if _in_order(self.owners, shared.size) else rows.new_zeros(shared.size, *rows.shape[1:]).index_add_(0, self.owners, rows)
        yield Part(self.pure, Dense(packed.reshape(shared.size, *natural_shape(self.pure.tensor.shape))))


@dataclass(eq=False)
class AlignedUse(Use):
    """A tensor that has a row for each row of examples already, along ``axis``: its row r meets those of the example owners[r] alone."""

    operation: str
    pure: Pure
    copies: Tensor
    owners: Tensor
    axis: int
    kind: str = "copies"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        rows, numbers = gradient.movedim(self.axis, 0), torch.arange(len(self.owners), device=gradient.device)
        if self.axis == 0 and gradient.dim() > 1:
            packing = shared.packing(self.owners)
            yield Part(self.pure, Indexed(packing.of_rows(numbers[:, None])[..., 0], packing.of_rows(rows.flatten(1)), len(rows)))
            return
        apart = rows.new_zeros(shared.size, *rows.shape).index_put_((self.owners, numbers), rows).movedim(1, self.axis + 1)
        yield Part(self.pure, Dense(apart.reshape(shared.size, *natural_shape(gradient.shape))))


def _in_order(owners: Tensor, size: int) -> bool:
    return len(owners) == size and bool((owners == torch.arange(size, device=owners.device)).all())


def take_copies(call: Call) -> object:
    """Give an operation that broadcasts a copy of each pure tensor for each row of examples."""
    recorder = call.recorder
    tensors = list(tensors_of((call.arguments, call.keywords)))
    if call.in_place and recorder.pure(call.arguments[0]) is not None:  # a copy cannot stand in for what is written to
        return call.give_up()
    rank = max(tensor.dim() for tensor in tensors) if call.name != "stack" else tensors[0].dim()
    owners = None
    for tensor in tensors:
        if recorder.is_data(tensor):
            mine = recorder.owners(tensor)
            if mine is None:
                if tensor.dim() == 0:
                    continue
                return call.give_up()
            mine = mine.view((1,) * (rank - mine.dim()) + tuple(mine.shape))
            if owners is not None and owners.shape == mine.shape and not torch.equal(owners, mine):
                return call.give_up()
            owners = mine if owners is None or (max(mine.shape, default=1) > 1 and mine.numel() > owners.numel()) else owners
    if owners is None:
        return call.give_up()
    table, uses = {}, []
    for tensor in call.pures:
        pure = recorder.pure(tensor)
        assert pure is not None
        use = _copies(call, tensor, pure, owners, rank)
        if use is None:
            return take_mapped(call)
        uses.append(use)
        table[id(tensor)] = use.copies
    if call.name == "scaled_dot_product_attention":
        with sdpa_kernel(SDPBackend.MATH):
            result = call.run(table)
    else:
        result = call.run(table)
    for use in uses:
        recorder.give_copies(use)
    return call.finish(result)


def _copies(call: Call, tensor: Tensor, pure: Pure, owners: Tensor, rank: int) -> CopiesUse | AlignedUse | None:
    """Return the copies of one tensor, spread over the dimensions in which rows belong to examples, or the tensor itself where it has them."""
    aligned = (
        tensor.detach().view((1,) * (rank - tensor.dim()) + tuple(tensor.shape))
        if tensor.is_contiguous()
        else tensor.detach()[(None,) * (rank - tensor.dim())]
    )
    axes = tuple(axis for axis in range(rank) if owners.shape[axis] > 1)
    if not axes:  # a single example
        return CopiesUse(call.operation, pure, aligned.clone().requires_grad_(), owners.new_zeros(1), ())
    shape = list(aligned.shape)
    if len(axes) == 1 and shape[axes[0]] == owners.shape[axes[0]] and aligned.stride(axes[0]) != 0:
        axis = axes[0] - (rank - tensor.dim())
        return AlignedUse(call.operation, pure, tensor.detach().clone().requires_grad_(), owners.reshape(-1), axis)
    for axis in axes:
        if shape[axis] == 1:
            shape[axis] = owners.shape[axis]
        elif shape[axis] == owners.shape[axis] and aligned.stride(axis) == 0:
            narrow = axis - (rank - tensor.dim())
            pure = Pure(tensor.narrow(narrow, 0, 1), pure.roots, torch.narrow, (pure.tensor, narrow, 0, 1), {}, None, (pure,))
            tensor = pure.tensor
        else:
            return None
    copies = aligned.expand(shape).detach().requires_grad_()
    rows = owners.expand([owners.shape[axis] if axis in axes else 1 for axis in range(rank)]).reshape(-1)
    return CopiesUse(call.operation, pure, copies, rows, axes)


def take_mapped(call: Call) -> object:
    """Map the operation over the examples, each with its own copy of the pure tensors."""
    recorder = call.recorder
    tensors = list(tensors_of((call.arguments, call.keywords)))
    data = [tensor for tensor in tensors if recorder.is_data(tensor)]
    for tensor in data:
        owners = recorder.owners(tensor)
        if owners is None or recorder.size == 1 or len(owners) != recorder.size or max(owners.shape[1:], default=1) > 1:
            return call.give_up()
        if not bool((owners.reshape(-1) == torch.arange(recorder.size, device=owners.device)).all()):
            return call.give_up()
    copies = {id(tensor): tensor.detach().expand(recorder.size, *tensor.shape).requires_grad_() for tensor in call.pures}

    def single(examples: list[Tensor], own: list[Tensor]) -> Any:
        table = dict(zip([id(tensor) for tensor in data], (part.unsqueeze(0) for part in examples), strict=True)) | dict(
            zip(copies, own, strict=True)
        )
        result = call.run(table)
        return result.squeeze(0)

    result: Any = None
    try:
        result = torch.func.vmap(single)(data, list(copies.values()))
        with torch.no_grad():
            same = isinstance(result, Tensor) and result.shape == call.run().shape
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        same = False
    if not same:
        return call.give_up()
    for tensor in call.pures:
        pure = recorder.pure(tensor)
        assert pure is not None
        recorder.give_copies(CopiesUse(call.operation, pure, copies[id(tensor)], torch.arange(recorder.size, device=tensor.device), (0,)))
    return call.finish(result)


def take_any(call: Call) -> object:
    """Give the operation a copy of each pure tensor for each row of examples, or map it over the examples."""
    return take_copies(call) if call.name in ELEMENTWISE else take_mapped(call)
