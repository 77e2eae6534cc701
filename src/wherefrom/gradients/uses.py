"""What a use of a parameter is: one call of a torch function at which something made of parameters meets data."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor

from wherefrom.gradients.blocks import Block
from wherefrom.gradients.origins import Pure


@dataclass(eq=False)
class Pass:
    """What the uses of one backward pass share: its size, the type of the rows and what they make for each other."""

    size: int
    dtype: torch.dtype = torch.float32
    factors: bool = False  # factors are wanted even where they are larger than what they stand for
    made: dict[Any, Any] = field(default_factory=dict)

    def wide(self, values: Tensor) -> Tensor:
        """Return floating values in the type of the rows: one tensor for all that hold the same."""
        if values.dtype == self.dtype or not values.is_floating_point():
            return values
        key = "wide", values.data_ptr(), values.shape, values.stride(), values.dtype
        if key not in self.made:  # kept with the values, so that their place stays theirs
            self.made[key] = values.to(self.dtype), values
        return self.made[key][0]

    def with_ones(self, inputs: Tensor) -> Tensor:
        """Return (B, T, i) with a column of ones: one tensor for all that were given the same."""
        key = "ones", inputs.data_ptr(), inputs.shape, inputs.stride()
        if key not in self.made:
            self.made[key] = torch.cat([inputs, inputs.new_ones(*inputs.shape[:-1], 1)], -1)
        return self.made[key]

    def packing(self, owners: Tensor) -> "Packing":
        """Return how rows with these owners (R,) are laid out by example."""
        key = "packing", id(owners)
        if key not in self.made:
            self.made[key] = Packing.of(owners, self.size), owners  # the owners stay alive, so that their id stays theirs
        return self.made[key][0]


@dataclass(frozen=True, eq=False)
class Packing:
    """Where rows of examples go in a table (B, T): as they lie, where each example has as many one after the other."""

    size: int
    positions: int
    rows: Tensor | None  # (B, T) numbers of rows, R for none; None where rows lie so already

    @classmethod
    def of(cls, owners: Tensor, size: int) -> "Packing":
        """Return the packing of rows with these owners (R,)."""
        count = len(owners)
        if count and count % size == 0 and bool((owners.view(size, -1) == torch.arange(size, device=owners.device)[:, None]).all()):
            return cls(size, count // size, None)
        counts = torch.bincount(owners, minlength=size)
        positions = max(1, int(counts.max()) if count else 1)
        order = owners.argsort(stable=True)
        starts = counts.cumsum(0) - counts
        sorted_owners = owners[order]
        rows = torch.full((size, positions), count, device=owners.device)
        rows[sorted_owners, torch.arange(count, device=owners.device) - starts[sorted_owners]] = order
        return cls(size, positions, rows)

    def of_rows(self, values: Tensor) -> Tensor:
        """Return rows (R, w) as (B, T, w), zero where an example has fewer."""
        if self.rows is None:
            return values.reshape(self.size, self.positions, *values.shape[1:])
        return torch.cat([values, values.new_zeros(1, *values.shape[1:])])[self.rows]


TITLES = dict.fromkeys(("linear", "addmm", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm"), "Linear") | {
    "embedding": "Embedding", "embedding_bag": "EmbeddingBag", "__getitem__": "Embedding", "index_select": "Embedding", "norm": "Norm",
    "attention": "Attention", "prelu": "PReLU",
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "Convolution"),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), "TransposedConvolution"),
    **dict.fromkeys(("add", "__add__", "__radd__", "__iadd__", "add_", "sub", "__sub__", "__rsub__"), "Sum"),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "__imul__", "mul_"), "Product"),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What a use contributes to the gradient of something made of parameters: a block of its natural shape."""

    pure: Pure
    block: Block


class Use(ABC):
    """One call, as a dataclass: its fields hold the things made of parameters that it met, the tensors kept, and the ``owners`` of their rows.

    ``operation`` is its name, ``kind`` how it takes parameters.
    """

    operation: str
    kind: str

    @property
    def title(self) -> str:
        """What serves its parameters, in words."""
        return TITLES.get(self.operation, self.operation)

    @property
    def pures(self) -> tuple[Pure, ...]:
        """The things made of parameters that it met, in the order of its fields."""
        return tuple(value for value in self._held.values() if isinstance(value, Pure))

    @property
    def saved(self) -> tuple[Tensor, ...]:
        """The tensors held until the backward pass."""
        return tuple(value for name, value in self._held.items() if name != "owners" and isinstance(value, Tensor))

    @property
    def _held(self) -> dict[str, Any]:
        return {name: getattr(self, name, None) for name in _names(type(self))}

    @abstractmethod
    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        """Yield the blocks of each of ``pures`` from the gradient at what the use watches."""

    def widened(self, shared: Pass) -> Self:
        """Return the use with what it holds in the type of the rows."""
        wide = copy(self)
        for name, value in self._held.items():
            if isinstance(value, Tensor):
                setattr(wide, name, shared.wide(value))
        return wide

    def paired(self, gradient: Tensor, shared: Pass) -> Block | None:
        """Return weight and bias as one block (k, o, i + 1); None where the use is not of both."""
        return None


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Return the names of a dataclass's fields."""
    return tuple(part.name for part in fields(kind))


def natural_shape(shape: torch.Size) -> tuple[int, int]:
    """Return the sides of the matrix as which a tensor's gradient is held: first dimension by the rest, or one row."""
    return (shape[0], shape[1:].numel()) if len(shape) > 1 else (1, shape.numel())
