"""Linear layers, over any number of positions: the gradient is Σₜ outer(dₜ, aₜ), kept as factors."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from wherefrom.gradients.blocks import Block, Dense, Factored
from wherefrom.gradients.layers.rule import LayerRule, Use, matrix_shapes, with_ones
from wherefrom.gradients.rows import BlockShape


class LinearRule(LayerRule):
    """``nn.Linear``, and the ``Conv1D`` of Hugging Face's GPT-2, which stores its weight the other way round."""

    kinds = (nn.Linear,)

    @classmethod
    def serves(cls, module: nn.Module) -> bool:
        return super().serves(module) or _is_conv1d(module)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "LinearRule":
        weight: Any = module.weight
        rows, columns = weight.shape if not _is_conv1d(module) else weight.shape[::-1]
        return cls(path, names, shared, matrix_shapes(names, shared, rows, columns, transposed=_is_conv1d(module)))

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        inputs, gradient = use.inputs, use.gradient
        if inputs.dim() < 2 or len(inputs) % use.size or len(gradient) % use.size:
            return None
        inputs, gradient = inputs.reshape(use.size, -1, inputs.shape[-1]), gradient.reshape(use.size, -1, gradient.shape[-1])
        return affine_blocks(self.shapes, inputs, gradient, use.with_ones)


def affine_blocks(
    shapes: tuple[BlockShape, ...], inputs: Tensor, gradient: Tensor, widened: Callable[[Tensor], Tensor] = with_ones
) -> tuple[Block, ...]:
    """The blocks of :func:`matrix_shapes` from a (B, T, i) and d (B, T, o)."""
    found: list[Block] = []
    for shape in shapes:
        if len(shape.names) == 2:
            found.append(Factored(widened(inputs), gradient))
        elif shape.columns == (1,) and shape.names[0].endswith("bias"):
            found.append(Dense(gradient.sum(1)[:, :, None]))
        else:
            found.append(Factored(inputs, gradient))
    return tuple(found)


def _is_conv1d(module: nn.Module) -> bool:
    return type(module).__name__ == "Conv1D" and type(module).__module__.startswith("transformers.")
