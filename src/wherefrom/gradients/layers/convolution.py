"""Convolutions in one, two and three dimensions: a linear layer over the patches that the kernel sees."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from wherefrom.gradients.blocks import Block, Dense, Factored
from wherefrom.gradients.grouped import Grouped
from wherefrom.gradients.layers.rule import LayerRule, Use, matrix_shapes

SEEN = 8 * 2**20  # bytes of patches held at a time on CPU: about its caches, twice as fast as all at once


class ConvolutionRule(LayerRule):
    """``nn.Conv1d``, ``Conv2d`` and ``Conv3d`` of any stride, padding, dilation, padding mode and number of groups."""

    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "ConvolutionRule":
        weight: Any = module.weight
        return cls(path, names, shared, matrix_shapes(names, shared, weight.shape[0], prod(weight.shape[1:])))

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        x, d = use.inputs, use.gradient
        if x.dim() != len(module.kernel_size) + 2 or len(x) % use.size:
            return None
        d = d.reshape(len(x), module.groups, -1, prod(d.shape[2:]))  # (B', groups, o, T)
        o, positions, i = d.shape[2], d.shape[3], module.in_channels // module.groups * prod(module.kernel_size)
        long = positions * (o + i) > o * i  # the factors are larger than what they stand for
        written = len(x) != use.size or ((module.groups > 1 or long) and not use.factors)
        found: list[Block] = []
        for shape in self.shapes:
            if self.names.get("weight") not in shape.names:
                found.append(Dense(_bias(d, use.size)))
            elif not written:
                seen, one = _seen(module, x, ones=len(shape.names) == 2), module.groups == 1
                found.append(Factored(seen[:, 0].mT, d[:, 0].mT) if one else Grouped(seen.mT, d.mT))
            else:
                matrix = _written(module, x, d, i, bias=len(shape.names) == 2)
                found.append(Dense(matrix if len(x) == use.size else matrix.view(use.size, -1, *matrix.shape[1:]).sum(1)))
        return tuple(found)


def _written(module: Any, x: Tensor, d: Tensor, i: int, *, bias: bool) -> Tensor:
    """(B', o, i), with the bias as a last column, some examples at a time."""
    step = max(1, SEEN // (module.groups * i * d.shape[3] * x.element_size())) if x.device.type == "cpu" else len(x)
    matrix = d.new_empty(*d.shape[:3], i + bias)
    for place, part, y in zip(matrix.split(step), d.split(step), x.split(step), strict=True):
        place[..., :i] = part @ _seen(module, y).mT
    if bias:
        matrix[..., i] = d.sum(3)
    return matrix.flatten(1, 2)


def _seen(module: Any, x: Tensor, *, ones: bool = False) -> Tensor:
    """(B', groups, i, T): what the kernel sees at each position, written out; with ``ones`` a row of them below."""
    seen = patches(padded(module, x), module.kernel_size, module.stride, module.dilation)
    seen = seen.unflatten(1, (module.groups, -1))
    sides, axes = seen.shape[2 : 3 + len(module.kernel_size)], seen.shape[3 + len(module.kernel_size) :]
    i = prod(sides)
    found = seen.new_empty(len(x), module.groups, i + ones, prod(axes))
    found[:, :, i:] = 1
    found[:, :, :i].view(seen.shape).copy_(seen)
    return found


def _bias(d: Tensor, size: int) -> Tensor:
    """(B, o, 1) from d (B', groups, o / groups, T)."""
    return d.sum(3).reshape(size, -1, d.shape[1] * d.shape[2]).sum(1)[:, :, None]


def padded(module: Any, x: Tensor) -> Tensor:
    """The input with its border, as the module's padding and padding mode make it."""
    border: list[int] = []
    for axis in reversed(range(len(module.kernel_size))):
        whole = module.dilation[axis] * (module.kernel_size[axis] - 1)
        if isinstance(module.padding, str):
            border += [whole // 2, whole - whole // 2] if module.padding == "same" else [0, 0]
        else:
            border += [module.padding[axis]] * 2
    return F.pad(x, border, mode="constant" if module.padding_mode == "zeros" else module.padding_mode) if any(border) else x


def patches(x: Tensor, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """(B, C, *spatial) -> (B, C, *kernel, *positions): what the kernel sees at each position, a view."""
    count = len(kernel)
    for axis in range(count):
        x = x.unfold(2 + axis, dilation[axis] * (kernel[axis] - 1) + 1, stride[axis])[..., :: dilation[axis]]
    return x.permute(0, 1, *range(2 + count, 2 + 2 * count), *range(2, 2 + count))
