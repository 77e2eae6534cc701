"""Convolutions in one, two and three dimensions: a linear layer over the patches that the kernel sees."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whence.gradients.blocks import Block, Dense, Factored
from whence.gradients.layers.rule import LayerRule, Use, matrix_shapes


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
        seen = patches(padded(module, x), module.kernel_size, module.stride, module.dilation)  # (B', C, *kernel, *positions)
        seen = seen.reshape(len(x), module.groups, -1, prod(d.shape[2:]))  # (B', groups, i, T)
        d = d.reshape(len(x), module.groups, -1, seen.shape[-1])  # (B', groups, o, T)
        positions, sides = seen.shape[3], (seen.shape[2], d.shape[2])
        long = positions * sum(sides) > sides[0] * sides[1]  # the factors are larger than what they stand for
        written = module.groups > 1 or len(x) != use.size or long
        found: list[Block] = []
        for shape in self.shapes:
            if self.names.get("weight") not in shape.names:
                found.append(Dense(_bias(d, use.size)))
            elif not written:
                found.append(Factored((with_ones(seen[:, 0]) if len(shape.names) == 2 else seen[:, 0]).mT, d[:, 0].mT))
            else:
                matrix = (d.flatten(0, 1) @ seen.flatten(0, 1).mT).reshape(use.size, -1, shape.rows, sides[0]).sum(1)
                found.append(Dense(torch.cat([matrix, _bias(d, use.size)], 2) if len(shape.names) == 2 else matrix))
        return tuple(found)


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


def with_ones(x: Tensor) -> Tensor:
    """(B, i, T) with a row of ones put below."""
    return torch.cat([x, x.new_ones(len(x), 1, x.shape[2])], 1)
