"""What a layer rule is: the blocks of one module, from one use of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from wherefrom.gradients.blocks import Block
from wherefrom.gradients.rows import BlockShape


@dataclass(frozen=True, eq=False)
class Use:
    """One call of a module: its arguments, and the gradient of the sum of all examples' numbers in its output."""

    size: int  # B
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    gradient: Tensor
    own: Mapping[str, Tensor]  # the module's parameters and buffers at the problem's θ, by their local names
    factors: bool = False  # factors are wanted even where they are larger than what they stand for
    made: dict[Any, Tensor] = field(default_factory=dict)  # what uses of this pass have made that others may want too

    @property
    def inputs(self) -> Tensor:
        """The first argument."""
        return self.arguments[0] if self.arguments else next(iter(self.keywords.values()))

    def with_ones(self, inputs: Tensor) -> Tensor:
        """These (B, T, i), which :attr:`inputs` were given as, with a column of ones: one tensor for all layers that were given the same."""
        key = self.inputs.data_ptr(), self.inputs.shape, self.inputs.stride(), inputs.shape
        if key not in self.made:
            self.made[key] = with_ones(inputs)
        return self.made[key]

    def turned(self, dim: int) -> "Use":
        """The same with the examples along the first dimension instead of this one."""
        if dim == 0 or self.gradient.dim() <= dim:
            return self
        return replace(self, arguments=(self.inputs.movedim(dim, 0), *self.arguments[1:]), gradient=self.gradient.movedim(dim, 0))


@dataclass(frozen=True)
class LayerRule(ABC):
    """The rule of one module: ``names`` maps its own parameters to the chosen ones of the problem, ``shared`` are tied elsewhere."""

    kinds: ClassVar[tuple[type[nn.Module], ...]] = ()
    takes_children: ClassVar[bool] = False  # whether the parameters of its submodules are served too
    turns: ClassVar[bool] = True  # whether inputs and gradient may be turned so that examples come first

    module: str
    names: Mapping[str, str]
    shared: frozenset[str]
    shapes: tuple[BlockShape, ...] = field(default=())

    @classmethod
    def serves(cls, module: nn.Module) -> bool:
        """Whether the module computes what its kind does: a subclass with a forward of its own does not."""
        return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in cls.kinds)

    @classmethod
    @abstractmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "LayerRule | None":
        """The rule for this module, or None where its settings are beyond it."""

    @abstractmethod
    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        """One block for each of ``shapes``; None where this use is not one row per example."""


def matrix_shapes(names: Mapping[str, str], shared: frozenset[str], rows: int, columns: int, *, transposed: bool = False) -> tuple[BlockShape, ...]:
    """Weight and bias of an affine layer: one block, the bias as a last column, unless the weight is tied to another module."""
    weight, bias = names.get("weight"), names.get("bias")
    if weight is not None and bias is not None and not {weight, bias} & shared:
        return (BlockShape((weight, bias), rows, (columns, 1), transposed),)
    shapes = (BlockShape((weight,), rows, (columns,), transposed),) if weight is not None else ()
    return shapes + ((BlockShape((bias,), rows, (1,)),) if bias is not None else ())


def with_ones(inputs: Tensor) -> Tensor:
    """(B, T, i) with a column of ones."""
    return torch.cat([inputs, inputs.new_ones(*inputs.shape[:2], 1)], 2)
