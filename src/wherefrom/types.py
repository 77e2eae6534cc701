"""What public signatures call the forms that ids, numbers, batches and records come in."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from torch import Tensor


class SupportsArray(Protocol):
    """What numpy reads as an array: a column of a table, for one."""

    def __array__(self) -> np.ndarray:
        """The values."""
        ...


class Dataclass(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Id: TypeAlias = int | str
Ids: TypeAlias = Sequence[Id] | np.ndarray | Tensor | SupportsArray
Numbers: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | np.ndarray | Tensor | SupportsArray  # read by numpy or torch

Labels: TypeAlias = Ids  # a class for each example
Texts: TypeAlias = Mapping[int, str] | Mapping[str, str] | Mapping[Id, str]  # by id

# What a model is given, what it should say, and a whole batch: tensors in dictionaries, tuples, lists and dataclasses.
Tree: TypeAlias = Tensor | np.ndarray | Mapping[str, "Tree"] | Sequence["Tree"] | Dataclass | int | float | None

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
