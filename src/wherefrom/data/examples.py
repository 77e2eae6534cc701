"""Data in one form: examples with ids that survive shuffling, splitting and removal, read batch by batch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.sources import Data as RawData
from wherefrom.data.sources import PatchedSource, PlacedBatches, Source, TensorSource, source_of
from wherefrom.data.trees import all_finite, leaves, tree_map
from wherefrom.errors import UsageError
from wherefrom.scores import positions_of
from wherefrom.types import Ids, Numbers, Tree

CHECKED = 4096  # rows looked at together for numbers that are not finite


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples with their ids: ``rows`` of a source, in order."""

    source: Source
    rows: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, data: "Data", ids: Ids | None = None) -> "Examples":
        """From a tuple or dictionary of tensors, a list of samples, a map-style dataset, or batches that can be iterated again and again."""
        if isinstance(data, cls):
            if ids is not None:
                raise UsageError("These examples carry ids already; leave ids out.")
            return data
        source = source_of(data)
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

    def select(self, ids: Ids) -> "Examples":
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
        try:
            tree = _whole(self.source.read(np.arange(self.total), CHECKED))
        except RuntimeError as error:
            raise UsageError(f"The batches do not go together into one tensor ({error}); pad them to one length.") from error
        return replace(self, source=TensorSource(tree))

    def replaced(self, other: "Examples") -> "Examples":
        """These examples, those with an id of ``other`` with its data: every row stays where it is, so that training meets it when it did."""
        patched = np.full(self.total, -1)
        patched[self.rows[positions_of(other.ids, self.ids, "example")]] = other.rows
        return replace(self, source=PatchedSource(self.source, other.source, patched))

    def with_inputs(self, inputs: Tree, split: "Split") -> "Examples":
        """These examples with other inputs, a row for each, in memory; which leaves of the data those are, ``split`` tells."""
        return self._with(0, inputs, split)

    def with_targets(self, targets: Tree | Numbers, split: "Split") -> "Examples":
        """These examples with other targets, a row for each, in memory; whole numbers stand for floats where targets are floats."""
        plain = isinstance(targets, Sequence) and not leaves(targets)
        return self._with(1, torch.as_tensor(targets) if plain else targets, split)

    def _with(self, part: int, given: Any, split: "Split") -> "Examples":
        what = ("inputs", "targets")[part]
        if not len(self) or len(np.unique(self.ids)) < len(self):
            raise UsageError(f"Other {what} are given to at least one example, and to each once; name them so.")
        data = _whole(self.read(len(self)))
        held, old, beside = leaves(data), leaves(split(data)[part]), leaves(split(data)[1 - part])
        new = leaves(given)
        if len(new) != len(old):
            raise UsageError(f"The new {what} hold {len(new)} tensors and the old {len(old)}; give them in the form of the old.")
        for one, mine in zip(new, old, strict=True):
            fits = one.is_floating_point() == mine.is_floating_point() or (part and mine.is_floating_point())
            if one.shape != mine.shape or not fits:
                expected = f"{tuple(mine.shape)} ({mine.dtype}), one row for each example"
                raise UsageError(f"The new {what} have shape {tuple(one.shape)} ({one.dtype}); give {expected}.")
            if not any(leaf is mine for leaf in held):
                raise UsageError(f"split= computes {what} from the data, so they cannot be replaced; put that step into the data or the model.")
            if any(leaf is mine for leaf in beside):
                raise UsageError(f"The {what} are one tensor with the {('targets', 'inputs')[part]}; give them as a tensor of their own.")
        kept = [one.detach() if one.is_floating_point() else one.to(mine.dtype) for one, mine in zip(new, old, strict=True)]
        places = {id(mine): one for one, mine in zip(kept, old, strict=True)}
        tree = tree_map(lambda leaf: places.get(id(leaf), leaf), data)
        _check_finite(tree, self.ids)
        return Examples(TensorSource(tree), np.arange(len(self)), self.ids)

    def read(self, size: int) -> PlacedBatches:
        """Batches of at most ``size``: (positions among these examples, batch); a number that is not finite is refused."""
        for places, batch in self.source.read(self.rows, size):
            if not isinstance(self.source, TensorSource):  # those were checked once
                _check_finite(batch, self.ids[places])
            yield places, batch


def _whole(parts: Iterable[tuple[np.ndarray, Tree]]) -> Any:
    """All of what was read in batches, by place."""
    places, batches = zip(*parts, strict=True)
    order = torch.from_numpy(np.argsort(np.concatenate(places)))
    held = iter([torch.cat(pieces)[order.to(pieces[0].device)] for pieces in zip(*map(leaves, batches), strict=True)])
    return tree_map(lambda _: next(held), batches[0])


def _check_finite(batch: Tree, ids: np.ndarray) -> None:
    for leaf in leaves(batch):
        if leaf.is_floating_point() and leaf.dim() and not all(all_finite(part) for part in leaf.split(CHECKED)):
            row, *column = (~torch.isfinite(leaf)).nonzero()[0].tolist()
            where = f", column {column[0] if len(column) == 1 else column}" if column else ""
            raise UsageError(f"Row {ids[row]!s}{where} holds {leaf[(row, *column)].item()}; fill or drop it before attribution.")


Data: TypeAlias = RawData | Examples  # training data, in any form
Queries: TypeAlias = Data  # queries come in the same forms
Split = Callable[[Any], tuple[Tree, Tree]]


def split_batch(batch: Tree) -> tuple[Tree, Tree]:
    """(inputs, targets): first and second of a tuple, or a dictionary without and with its ``"labels"``."""
    if isinstance(batch, Mapping):
        if "labels" not in batch:
            raise UsageError(f"The batch is a dictionary of {sorted(batch)} without 'labels'; pass split=, a function batch -> (inputs, targets).")
        return {key: value for key, value in batch.items() if key != "labels"}, batch["labels"]
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    raise UsageError(f"A batch of type {type(batch).__name__} is no (inputs, targets) pair; pass split=, a function batch -> (inputs, targets).")


def split_for_decoder(batch: Tree, decoder_inputs: Callable[..., Tensor] | None) -> tuple[Tree, Tree]:
    """The same for an encoder-decoder, whose decoder is given the labels as in training; where it makes its inputs inside, labels stay inputs."""
    inputs, targets = split_batch(batch)
    sequences = isinstance(targets, Tensor) and targets.dim() == 2 and not targets.is_floating_point()
    if not sequences or not isinstance(inputs, dict) or inputs.keys() & {"decoder_input_ids", "decoder_inputs_embeds"}:
        return inputs, targets
    return {**inputs, **({"labels": targets} if decoder_inputs is None else {"decoder_input_ids": decoder_inputs(labels=targets)})}, targets


def split_of(model: object) -> Split:
    """How a batch is split for a model: an encoder-decoder of transformers is given what its decoder was given in training."""
    if not getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return split_batch
    return partial(split_for_decoder, decoder_inputs=getattr(model, "prepare_decoder_input_ids_from_labels", None))
