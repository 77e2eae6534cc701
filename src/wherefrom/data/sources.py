"""Where data come from: tensors, datasets, or batches, and one with rows of another in it, all read by position."""

import hashlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Protocol, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from wherefrom.data.trees import leaves, tree_map
from wherefrom.errors import UsageError
from wherefrom.types import Dataclass, Tree


class SupportsRows(Protocol):
    """A dataset of one's own: a length, and examples by position."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> object: ...


PlacedBatches: TypeAlias = Iterator[tuple[np.ndarray, Tree]]
Data: TypeAlias = tuple[Tree, ...] | Mapping[str, Tree] | Dataclass | Dataset[object] | SupportsRows | Iterable[Tree]


class Source(ABC):
    """Where examples come from: rows counted from 0, read by position."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, rows: np.ndarray, size: int) -> PlacedBatches:
        """The data rows in batches of at most ``size``: (places in ``rows``, batch)."""

    @abstractmethod
    def digest(self) -> str:
        """A short text that changes with the data."""


@dataclass(frozen=True, eq=False)
class TensorSource(Source):
    """A tree of tensors that share their first dimension."""

    tree: Tree

    def __len__(self) -> int:
        return len(leaves(self.tree)[0])

    def read(self, rows: np.ndarray, size: int) -> PlacedBatches:
        for start in range(0, len(rows), size):
            chosen = torch.from_numpy(rows[start : start + size])
            yield np.arange(start, start + len(chosen)), tree_map(lambda leaf, chosen=chosen: leaf[chosen.to(leaf.device)], self.tree)

    def digest(self) -> str:
        return hashlib.sha256("".join(str(_crc(leaf)) for leaf in leaves(self.tree)).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class DatasetSource(Source):
    """A map-style dataset whose items are collated into batches."""

    dataset: SupportsRows

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, rows: np.ndarray, size: int) -> PlacedBatches:
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size].tolist()
            yield np.arange(start, start + len(chosen)), collated([self.dataset[row] for row in chosen], chosen)

    def digest(self) -> str:
        return f"{type(self.dataset).__name__}[{len(self)}]"


@dataclass(frozen=True, eq=False)
class BatchSource(Source):
    """Batches that can be iterated again and again; each pass is checked to give the same."""

    batches: Iterable[Tree]
    sizes: tuple[int, ...]
    checksums: tuple[int, ...]

    @classmethod
    def of(cls, batches: Iterable[Tree]) -> "BatchSource":
        if iter(batches) is batches:
            raise UsageError("The batches can be read only once; pass a list of batches or a DataLoader instead of a generator.")
        seen = [(_rows_of(batch), _checksum(batch)) for batch in batches]
        return cls(batches, tuple(size for size, _ in seen), tuple(check for _, check in seen))

    def __len__(self) -> int:
        return sum(self.sizes)

    def read(self, rows: np.ndarray, size: int) -> PlacedBatches:
        order = np.argsort(rows, kind="stable")
        wanted, start, count = rows[order], 0, 0
        for number, batch in enumerate(self.batches):
            if number >= len(self.sizes) or _checksum(batch) != self.checksums[number]:
                raise UsageError(f"Batch {number} changed between two passes; turn shuffling and augmentation off (shuffle=False).")
            low, high = np.searchsorted(wanted, [start, start + self.sizes[number]])
            for left in range(low, high, size):
                places = order[left : min(left + size, high)]
                local = torch.from_numpy(rows[places] - start)
                yield places, tree_map(lambda leaf, local=local: leaf[local.to(leaf.device)], batch)
            start, count = start + self.sizes[number], count + 1
        if count != len(self.sizes):
            raise UsageError(f"The batches ended after {count} of {len(self.sizes)}; give the same batches on every pass.")

    def digest(self) -> str:
        return hashlib.sha256(str(self.checksums).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class PatchedSource(Source):
    """A source in which rows of another stand for some: ``patched`` (len(base),) names the row of ``patch`` that stands there, or -1."""

    base: Source
    patch: Source
    patched: np.ndarray

    def __len__(self) -> int:
        return len(self.base)

    def read(self, rows: np.ndarray, size: int) -> PlacedBatches:
        there = self.patched[rows]
        for source, chosen, wanted in ((self.base, there < 0, rows), (self.patch, there >= 0, there)):
            where = chosen.nonzero()[0]
            for places, batch in source.read(wanted[where], size) if len(where) else ():
                yield where[places], batch

    def digest(self) -> str:
        return hashlib.sha256(f"{self.base.digest()} {self.patch.digest()} {self.patched.tolist()}".encode()).hexdigest()


def collated(samples: Sequence[object], rows: Sequence[int]) -> Tree:
    """Samples as one batch; a list of numbers under a name is a tensor. Raises :class:`UsageError` where they differ in shape."""
    try:
        return default_collate([_with_tensors(sample) for sample in samples])
    except (RuntimeError, TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UsageError(
            f"Rows {rows[0]} to {rows[-1]} of the dataset do not form a batch ({said}); pass a DataLoader with your collate_fn."
        ) from error


def source_of(data: Data) -> Source:
    """A tuple or dictionary of tensors, a list of samples, a map-style dataset, or batches that can be iterated again and again."""
    _refuse_streams(data)
    if _is_tree(data):
        _check_dense(data)
        tree = tree_map(lambda leaf: leaf, cast("Tree", data))
        found = leaves(tree)
        if not found or any(leaf.dim() == 0 for leaf in found):
            raise UsageError("The data hold no tensors with an example dimension; give (X, y), a dataset or batches.")
        lengths = [len(leaf) for leaf in found]
        if len(set(lengths)) > 1:
            raise UsageError(f"The tensors have {' and '.join(map(str, lengths))} rows; give each as many rows as there are examples.")
        return TensorSource(tree)
    if isinstance(data, list) and data and _is_sample(data[0]):
        return TensorSource(collated(data, range(len(data))))
    if isinstance(data, (list, DataLoader)) or not hasattr(data, "__getitem__"):
        if not isinstance(data, Iterable):
            raise UsageError(f"{type(data).__name__} is no data; give a tuple of tensors, a dataset or batches.")
        return BatchSource.of(cast("Iterable[Tree]", data))
    if isinstance(data, Dataset) or hasattr(data, "__len__"):
        return DatasetSource(cast("SupportsRows", data))
    raise UsageError(f"A {type(data).__name__} has no length; give a tuple of tensors, a map-style dataset or batches.")


def _check_dense(data: object) -> None:
    """Refuse sparse tensors and matrices, of which rows cannot be taken as a model needs them."""
    for part in data.values() if isinstance(data, Mapping) else data if isinstance(data, (tuple, list)) else ():
        if isinstance(part, Tensor) and part.layout != torch.strided:
            raise UsageError(f"The data hold a sparse tensor ({part.layout}); give it dense: x.to_dense().")
        if hasattr(part, "toarray") and hasattr(part, "nnz"):
            raise UsageError(f"The data hold a sparse matrix ({type(part).__name__}); give it dense: X.toarray().")
        _check_dense(part)


def _is_tree(data: object) -> bool:
    return isinstance(data, (tuple, Mapping)) or (is_dataclass(data) and not isinstance(data, type) and not hasattr(data, "__getitem__"))


def _refuse_streams(data: object) -> None:
    """Raises :class:`UsageError` for data that are read in order alone, and for several splits at once."""
    if isinstance(data, Mapping) and data and all(hasattr(split, "column_names") for split in data.values()):
        names = ", ".join(map(repr, data))
        raise UsageError(f"A {type(data).__name__} holds the splits {names}; give one of them, such as data[{next(iter(data))!r}].")
    if isinstance(data, IterableDataset) or (hasattr(data, "column_names") and not hasattr(data, "__len__")):
        fix = "give list(data), or DataLoader(data, batch_size=32) where it can be read again"
        raise UsageError(f"{type(data).__name__}: samples come in order alone; {fix}.")


def _is_sample(element: object) -> bool:
    """Whether an element of a list is one example: it holds a number or a list of numbers, and a batch holds tensors with a row for each example."""
    found: list[object] = []

    def look(part: object) -> None:
        if isinstance(part, Mapping):
            for value in part.values():
                look(value)
        elif isinstance(part, (tuple, list)) and not _is_numbers(part):
            for value in part:
                look(value)
        else:
            found.append(part)

    look(element)
    return any(_is_number(part) or _is_numbers(part) or (isinstance(part, (Tensor, np.ndarray)) and part.ndim == 0) for part in found)


def _is_number(part: object) -> bool:
    return isinstance(part, (int, float, np.number)) and not isinstance(part, bool)


def _is_numbers(part: object) -> bool:
    """A list of numbers, or of such lists, which says one tensor."""
    return isinstance(part, list) and len(part) > 0 and all(_is_number(one) or _is_numbers(one) for one in part)


def _with_tensors(sample: object) -> object:
    """A sample with a tensor for each list of numbers under a name: default_collate would take such a list for as many columns."""
    if not isinstance(sample, Mapping):
        return sample
    return {key: torch.as_tensor(value) if _is_numbers(value) else _with_tensors(value) for key, value in sample.items()}


def _rows_of(batch: Tree) -> int:
    if any(leaf.dim() == 0 for leaf in leaves(batch)):
        raise UsageError("A batch holds a tensor without rows; give batches with a row for each example, or a list of examples.")
    sizes = {len(leaf) for leaf in leaves(batch)}
    if len(sizes) != 1:
        raise UsageError(
            f"A batch has tensors of {' and '.join(map(str, sorted(sizes))) or 'no'} rows; give each as many rows as there are examples."
        )
    return sizes.pop()


def _crc(leaf: Tensor) -> int:
    plain = leaf.detach().cpu().contiguous().flatten()
    return zlib.crc32(plain.view(torch.uint8).numpy().data, zlib.crc32(str(tuple(leaf.shape)).encode()))


def _checksum(batch: Tree) -> int:
    return zlib.crc32(str([_crc(leaf) for leaf in leaves(batch)]).encode())
