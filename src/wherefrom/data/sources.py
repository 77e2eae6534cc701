"""Where data come from: tensors, datasets, or batches, and one with rows of another in it, all read by position."""

import hashlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Protocol, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

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
            try:
                batch = default_collate([self.dataset[row] for row in chosen])
            except (RuntimeError, TypeError) as error:
                raise UsageError(
                    f"Rows {chosen[0]} to {chosen[-1]} of the dataset do not form a batch ({error}); pass a DataLoader with your collate_fn."
                ) from error
            yield np.arange(start, start + len(chosen)), batch

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


def source_of(data: Data) -> Source:
    """A tuple or dictionary of tensors, a map-style dataset, or batches that can be iterated again and again."""
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


def _rows_of(batch: Tree) -> int:
    sizes = {len(leaf) for leaf in leaves(batch) if leaf.dim() > 0}
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
