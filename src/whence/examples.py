"""Data in one form: examples with ids that survive shuffling, splitting and removal, read batch by batch."""

import hashlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from whence.errors import UsageError
from whence.scores import positions_of
from whence.tree import all_finite, leaves, tree_map

CHECKED = 4096  # rows looked at together for numbers that are not finite


class Source(ABC):
    """Where examples come from: rows counted from 0, read by position."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        """The given rows in batches of at most ``size``: (places in ``rows``, batch)."""

    @abstractmethod
    def digest(self) -> str:
        """A short text that changes with the data."""


@dataclass(frozen=True, eq=False)
class TensorSource(Source):
    """A tree of tensors that share their first dimension."""

    tree: Any

    def __len__(self) -> int:
        return len(leaves(self.tree)[0])

    def read(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        for start in range(0, len(rows), size):
            chosen = torch.from_numpy(rows[start : start + size])
            yield np.arange(start, start + len(chosen)), tree_map(lambda leaf, chosen=chosen: leaf[chosen.to(leaf.device)], self.tree)

    def digest(self) -> str:
        return hashlib.sha256("".join(str(_crc(leaf)) for leaf in leaves(self.tree)).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class DatasetSource(Source):
    """A map-style dataset whose items are collated into batches."""

    dataset: Any

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
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

    batches: Iterable[Any]
    sizes: tuple[int, ...]
    checksums: tuple[int, ...]

    @classmethod
    def of(cls, batches: Iterable[Any]) -> "BatchSource":
        if iter(batches) is batches:
            raise UsageError("The batches can be read only once; pass a list of batches or a DataLoader instead of a generator.")
        seen = [(_rows_of(batch), _checksum(batch)) for batch in batches]
        return cls(batches, tuple(size for size, _ in seen), tuple(check for _, check in seen))

    def __len__(self) -> int:
        return sum(self.sizes)

    def read(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
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
class JoinedSource(Source):
    """Two sources, the rows of the second counted on from those of the first."""

    first: Source
    second: Source

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def read(self, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        start = len(self.first)
        for source, mine, less in ((self.first, rows < start, 0), (self.second, rows >= start, start)):
            where = mine.nonzero()[0]
            for places, batch in source.read(rows[where] - less, size) if len(where) else ():
                yield where[places], batch

    def digest(self) -> str:
        return hashlib.sha256(f"{self.first.digest()} {self.second.digest()}".encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples with their ids: ``rows`` of a source, in order."""

    source: Source
    rows: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, data: Any, ids: Any = None) -> "Examples":
        """From a tuple or dictionary of tensors, a map-style dataset, or batches that can be iterated again and again."""
        if isinstance(data, cls):
            if ids is not None:
                raise UsageError("These examples carry ids already; leave ids out.")
            return data
        source = _source(data)
        n = len(source)
        if n == 0:
            raise UsageError("There are no examples; give at least one.")
        ids = np.arange(n) if ids is None else np.asarray(ids)
        if ids.dtype.kind in "iu":
            ids = ids.astype(np.int64)
        elif ids.dtype.kind in "UO":
            ids = np.array([str(key) for key in ids.tolist()])
        else:
            raise UsageError(f"Ids of type {ids.dtype} are neither whole numbers nor text; convert them.")
        if ids.shape != (n,):
            raise UsageError(f"{ids.size} ids for {n} examples; give one id for each.")
        unique, counts = np.unique(ids, return_counts=True)
        if len(unique) < n:
            raise UsageError(f"Id {unique[counts > 1][0]!s} stands for {counts.max()} examples; make ids unique.")
        if isinstance(source, TensorSource):
            _check_finite(source.tree, ids)
        return cls(source, np.arange(n), ids)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, positions: np.ndarray) -> "Examples":
        """The examples at the given positions, with their ids."""
        return replace(self, rows=self.rows[positions], ids=self.ids[positions])

    def select(self, ids: Any) -> "Examples":
        """The examples with the given ids."""
        return self.take(positions_of(ids, self.ids, "example"))

    @property
    def total(self) -> int:
        """Rows of the source, these examples and others."""
        return len(self.source)

    def in_memory(self) -> "Examples":
        """The same with all rows of the source as tensors: for reading in any order. Raises :class:`UsageError` where batches differ in shape."""
        if isinstance(self.source, TensorSource):
            return self
        batches = [batch for _, batch in self.source.read(np.arange(self.total), CHECKED)]
        try:
            parts = [torch.cat(list(pieces)) for pieces in zip(*map(leaves, batches), strict=True)]
        except RuntimeError as error:
            raise UsageError(f"The batches do not go together into one tensor ({error}); pad them to one length.") from error
        waiting = iter(parts)
        return replace(self, source=TensorSource(tree_map(lambda _: next(waiting), batches[0])))

    def replaced(self, other: "Examples") -> "Examples":
        """These examples, those with an id of ``other`` with its data."""
        rows = self.rows.copy()
        rows[positions_of(other.ids, self.ids, "example")] = len(self.source) + other.rows
        return replace(self, source=JoinedSource(self.source, other.source), rows=rows)

    def with_inputs(self, inputs: Any, split: "Split") -> "Examples":
        """These examples with other inputs, a row for each, in memory; which leaves of the data those are, ``split`` tells."""
        if not len(self) or len(np.unique(self.ids)) < len(self):
            raise UsageError("Other inputs are given to at least one example, and to each once; name them so.")
        parts = list(self.read(len(self)))
        order = torch.from_numpy(np.argsort(np.concatenate([places for places, _ in parts])))
        held = [torch.cat(pieces)[order.to(pieces[0].device)] for pieces in zip(*(leaves(batch) for _, batch in parts), strict=True)]
        waiting = iter(held)
        data = tree_map(lambda _: next(waiting), parts[0][1])
        given, old = leaves(inputs), leaves(split(data)[0])
        if len(given) != len(old):
            raise UsageError(f"The new inputs hold {len(given)} tensors and the old {len(old)}; give them in the form of the old.")
        for new, mine in zip(given, old, strict=True):
            if new.shape != mine.shape or new.is_floating_point() != mine.is_floating_point():
                expected = f"{tuple(mine.shape)} ({mine.dtype}), one row for each example"
                raise UsageError(f"The new inputs have shape {tuple(new.shape)} ({new.dtype}); give {expected}.")
            if not any(leaf is mine for leaf in held):
                raise UsageError("split= computes inputs from the data, so they cannot be replaced; put that step into the data or the model.")
        places = {id(mine): new.detach() for new, mine in zip(given, old, strict=True)}
        tree = tree_map(lambda leaf: places.get(id(leaf), leaf), data)
        _check_finite(tree, self.ids)
        return Examples(TensorSource(tree), np.arange(len(self)), self.ids)

    def read(self, size: int) -> Iterator[tuple[np.ndarray, Any]]:
        """Batches of at most ``size``: (positions among these examples, batch); a number that is not finite is refused."""
        for places, batch in self.source.read(self.rows, size):
            if not isinstance(self.source, TensorSource):  # those were checked once
                _check_finite(batch, self.ids[places])
            yield places, batch


def _source(data: Any) -> Source:
    whole = isinstance(data, (tuple, Mapping)) or (is_dataclass(data) and not isinstance(data, type) and not hasattr(data, "__getitem__"))
    if whole:
        tree = tree_map(lambda leaf: leaf, data)
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
        return BatchSource.of(data)
    if isinstance(data, Dataset) or hasattr(data, "__len__"):
        return DatasetSource(data)
    raise UsageError(f"A {type(data).__name__} has no length; give a tuple of tensors, a map-style dataset or batches.")


def _rows_of(batch: Any) -> int:
    sizes = {len(leaf) for leaf in leaves(batch) if leaf.dim() > 0}
    if len(sizes) != 1:
        raise UsageError(
            f"A batch has tensors of {' and '.join(map(str, sorted(sizes))) or 'no'} rows; give each as many rows as there are examples."
        )
    return sizes.pop()


def _crc(leaf: Tensor) -> int:
    plain = leaf.detach().cpu().contiguous().flatten()
    return zlib.crc32(plain.view(torch.uint8).numpy().data, zlib.crc32(str(tuple(leaf.shape)).encode()))


def _checksum(batch: Any) -> int:
    return zlib.crc32(str([_crc(leaf) for leaf in leaves(batch)]).encode())


def _check_finite(batch: Any, ids: np.ndarray) -> None:
    for leaf in leaves(batch):
        if leaf.is_floating_point() and leaf.dim() and not all(all_finite(part) for part in leaf.split(CHECKED)):
            row, *column = (~torch.isfinite(leaf)).nonzero()[0].tolist()
            where = f", column {column[0] if len(column) == 1 else column}" if column else ""
            raise UsageError(f"Row {ids[row]!s}{where} holds {leaf[(row, *column)].item()}; fill or drop it before attribution.")


Split = Callable[[Any], tuple[Any, Any]]


def split_batch(batch: Any) -> tuple[Any, Any]:
    """(inputs, targets): first and second of a tuple, or a dictionary without and with its ``"labels"``."""
    if isinstance(batch, Mapping):
        if "labels" not in batch:
            raise UsageError(f"The batch is a dictionary of {sorted(batch)} without 'labels'; pass split=, a function batch -> (inputs, targets).")
        return {key: value for key, value in batch.items() if key != "labels"}, batch["labels"]
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    raise UsageError(f"A batch of type {type(batch).__name__} is no (inputs, targets) pair; pass split=, a function batch -> (inputs, targets).")
