"""PReLU: its slope is the gradient's sum over the entries below zero."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from wherefrom.gradients.blocks import Block, Dense
from wherefrom.gradients.layers.rule import LayerRule, Use
from wherefrom.gradients.rows import BlockShape


class PReLURule(LayerRule):
    """``nn.PReLU`` with one slope for all, or one per channel."""

    kinds = (nn.PReLU,)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "PReLURule":
        return cls(path, names, shared, (BlockShape((names["weight"],), 1, (module.num_parameters,)),))  # type: ignore[arg-type]

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        if len(use.inputs) != use.size:
            return None
        below = use.gradient * use.inputs.clamp_max(0)
        width = module.num_parameters
        summed = below.reshape(use.size, width, -1).sum(2) if width > 1 else below.reshape(use.size, 1, -1).sum(2)
        return (Dense(summed[:, None]),)
