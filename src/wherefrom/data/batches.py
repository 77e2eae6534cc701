"""Some examples on the model's device, and the check that a loss gives one finite number for each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.trees import all_finite, leaves, tree_map
from wherefrom.errors import UsageError
from wherefrom.objective import PerExample
from wherefrom.types import Tree


@dataclass(frozen=True, eq=False)
class Batch:
    """Some examples: their positions and ids, what the model is given, what it should say, and their weights."""

    positions: np.ndarray
    ids: np.ndarray
    inputs: Any
    targets: Any
    weights: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    def parts(self, size: int) -> Iterator["Batch"]:
        """The same examples in batches of at most ``size``."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            inputs, targets = tree_map(lambda leaf, part=part: leaf[part], (self.inputs, self.targets))
            yield Batch(self.positions[part], self.ids[part], inputs, targets, self.weights[part])

    def take(self, places: np.ndarray) -> "Batch":
        """The examples at some places of the batch, in that order."""
        rows = torch.from_numpy(places)
        inputs, targets = tree_map(lambda leaf: leaf[rows.to(leaf.device)], (self.inputs, self.targets))
        return Batch(self.positions[places], self.ids[places], inputs, targets, self.weights[rows.to(self.weights.device)])

    def repeated(self, times: int) -> "Batch":
        """Each example ``times`` times in a row, without its inputs: for losses of outputs under several models."""
        each = torch.arange(len(self)).repeat_interleave(times)
        targets = tree_map(lambda leaf: leaf[each.to(leaf.device)], self.targets)
        return Batch(self.positions.repeat(times), self.ids.repeat(times), None, targets, self.weights.repeat_interleave(times))


def joined(batches: Iterable[Batch]) -> Batch:
    """All examples of some batches as one, by position. Raises :class:`UsageError` where batches differ in shape."""
    parts = list(batches)
    if len(parts) == 1 and bool((np.diff(parts[0].positions) > 0).all()):
        return parts[0]
    try:
        columns = iter([torch.cat(column) for column in zip(*(leaves((part.inputs, part.targets)) for part in parts), strict=True)])
    except RuntimeError as error:
        raise UsageError(f"The batches do not go together into one tensor ({error}); pad them to one length.") from error
    inputs, targets = tree_map(lambda _: next(columns), (parts[0].inputs, parts[0].targets))
    positions, ids = (np.concatenate([getattr(part, name) for part in parts]) for name in ("positions", "ids"))
    return Batch(positions, ids, inputs, targets, torch.cat([part.weights for part in parts])).take(np.argsort(positions))


def per_example(function: PerExample, what: str, outputs: Tree, batch: Batch) -> Tensor:
    """One finite number per example, or one sentence about what is wrong with the loss."""
    values = function(outputs, batch.targets)
    if not isinstance(values, Tensor) or values.shape != (len(batch),):
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        fix = ' (reduction="none")' if shape == () else ""
        raise UsageError(f"The {what} of {len(batch)} examples came as {shape}; it must give one number for each, unreduced{fix}.")
    if not all_finite(values):
        bad = int((~torch.isfinite(values)).nonzero()[0])
        raise UsageError(f"The {what} of example {batch.ids[bad]!s} is {values[bad].item()}; check its data and the model's weights.")
    return values
