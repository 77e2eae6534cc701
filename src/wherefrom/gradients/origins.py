"""Where a tensor of a forward pass comes from: from parameters and constants alone, or from data, whose rows belong to examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., Any]


@dataclass(eq=False, slots=True)
class Data:
    """A tensor that depends on the inputs.

    ``owners`` holds the example that each entry belongs to, of the tensor's rank, with size 1 along dimensions that do not tell
    examples apart; None where entries belong to no single example.
    """

    owners: Tensor | None


@dataclass(eq=False, slots=True)
class Pure:
    """A tensor that is made of chosen parameters ``roots`` and constants: a parameter itself, or ``function`` of others."""

    tensor: Tensor
    roots: tuple[str, ...]
    function: Function | None = None
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] | None = None
    place: int | None = None  # among several results
    parents: tuple["Pure", ...] = ()

    @property
    def name(self) -> str:
        """The operation that made it, "" for a parameter."""
        return "" if self.function is None else operation_name(self.function)

    def remade(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the tensor at other values of its roots."""
        if self.function is None:
            return values[self.roots[0]]
        table = {id(parent.tensor): parent.remade(values) for parent in self.parents}
        arguments, keywords = substitute((self.arguments, self.keywords or {}), table)
        result = self.function(*arguments, **keywords)
        return result if self.place is None else result[self.place]


def operation_name(function: Function) -> str:
    """Return a short name of a torch function; of a property, that of the property."""
    name = getattr(function, "__name__", "") or type(function).__name__
    return getattr(getattr(function, "__self__", None), "__name__", name) if name == "__get__" else name


def tensors_of(tree: object) -> Iterator[Tensor]:
    """Iterate over the tensors in nested tuples, lists and dictionaries."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for part in tree:
            yield from tensors_of(part)
    elif isinstance(tree, Mapping):
        for part in tree.values():
            yield from tensors_of(part)


def substitute(tree: object, table: Mapping[int, object]) -> Any:
    """Return a tree with some of its tensors, by identity, replaced."""
    if isinstance(tree, Tensor):
        return table.get(id(tree), tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(substitute(part, table) for part in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(substitute(part, table) for part in tree)
    if isinstance(tree, Mapping):
        return {key: substitute(part, table) for key, part in tree.items()}
    return tree


def results_of(result: object) -> Sequence[tuple[int | None, Tensor]]:
    """Return the tensors that a function returned, each with its place among several."""
    if isinstance(result, Tensor):
        return [(None, result)]
    if isinstance(result, (tuple, list)):
        return [(place, part) for place, part in enumerate(result) if isinstance(part, Tensor)]
    return []


def first_owner(size: int, rank: int, device: torch.device) -> Tensor:
    """Return owners of a tensor whose first dimension is the examples."""
    return torch.arange(size, device=device).view(size, *(1,) * (rank - 1))
