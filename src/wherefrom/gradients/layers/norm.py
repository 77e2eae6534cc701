"""Normalisation layers: weight and bias scale and shift what was normalised, entry by entry, so both gradients are short sums."""

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wherefrom.gradients.blocks import Block, Dense
from wherefrom.gradients.layers.rule import LayerRule, Use
from wherefrom.gradients.rows import BlockShape

CHANNELS = (nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class NormRule(LayerRule):
    """LayerNorm, RMSNorm, GroupNorm, InstanceNorm, and BatchNorm with its running statistics."""

    kinds = (nn.LayerNorm, nn.RMSNorm, *CHANNELS)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "NormRule":
        shapes = tuple(BlockShape((names[key],), 1, (getattr(module, key).numel(),)) for key in ("weight", "bias") if key in names)
        return cls(path, names, shared, shapes)

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        x, d = use.inputs, use.gradient
        if x.dim() < 2 or len(x) % use.size:
            return None
        found: list[Block] = []
        for shape in self.shapes:
            product = d * normalised(module, x, use.own) if shape.names[0] == self.names.get("weight") else d
            found.append(Dense(_summed(module, product, use.size, shape.columns[0])))
        return tuple(found)


def normalised(module: Any, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
    """What the module computes before it scales and shifts."""
    mean, variance = own.get("running_mean"), own.get("running_var")
    if isinstance(module, nn.LayerNorm):
        return F.layer_norm(x, module.normalized_shape, eps=module.eps)
    if isinstance(module, nn.RMSNorm):
        return F.rms_norm(x, module.normalized_shape, eps=module.eps)
    if isinstance(module, nn.GroupNorm):
        return F.group_norm(x, module.num_groups, eps=module.eps)
    if isinstance(module, (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)):
        return F.instance_norm(x, mean, variance, use_input_stats=mean is None, eps=module.eps)
    return torch.batch_norm(x, None, None, mean, variance, mean is None, 0.0, module.eps, False)


def _summed(module: Any, product: Tensor, size: int, width: int) -> Tensor:
    """(B, 1, width): summed over all positions of an example."""
    if isinstance(module, CHANNELS):
        return product.reshape(size, -1, width, prod(product.shape[2:])).sum((1, 3))[:, None]
    return product.reshape(size, -1, width).sum(1, keepdim=True)
