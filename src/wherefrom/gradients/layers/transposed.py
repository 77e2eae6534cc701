"""Transposed convolutions: the roles of input and output are exchanged, so the patches are those of the output's gradient."""

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import nn
from torch.nn import functional as F

from wherefrom.gradients.blocks import Block, Dense, Factored
from wherefrom.gradients.layers.convolution import patches
from wherefrom.gradients.layers.rule import LayerRule, Use
from wherefrom.gradients.rows import BlockShape


class TransposedConvolutionRule(LayerRule):
    """``nn.ConvTranspose1d``, ``2d`` and ``3d``; the weight is (in, out / groups, *kernel)."""

    kinds = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "TransposedConvolutionRule":
        weight: Any = module.weight
        shapes = (BlockShape((names["weight"],), weight.shape[0], (prod(weight.shape[1:]),)),) if "weight" in names else ()
        if "bias" in names:
            shapes += (BlockShape((names["bias"],), 1, (len(module.bias),)),)  # type: ignore[arg-type]
        return cls(path, names, shared, shapes)

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        x, d = use.inputs, use.gradient
        if x.dim() != len(module.kernel_size) + 2 or len(x) != use.size:
            return None
        found: list[Block] = []
        if "weight" in self.names:
            border = [width for size in reversed(module.padding) for width in (size, size)]
            seen = patches(F.pad(d, border), module.kernel_size, module.stride, module.dilation)
            seen = seen[(..., *(slice(size) for size in x.shape[2:]))].reshape(len(x), module.groups, -1, prod(x.shape[2:]))
            given = x.reshape(len(x), module.groups, -1, prod(x.shape[2:]))
            if module.groups == 1:
                found.append(Factored(seen[:, 0].mT, given[:, 0].mT))
            else:
                found.append(Dense((given @ seen.mT).flatten(1, 2)))
        if "bias" in self.names:
            found.append(Dense(d.flatten(2).sum(2)[:, None]))
        return tuple(found)
