"""Many problems that differ only in the weights and targets of their examples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from wherefrom.data.batches import joined
from wherefrom.data.trees import leaves, tree_map
from wherefrom.errors import UsageError
from wherefrom.problem import Problem
from wherefrom.retraining.interventions import Change, LeftOut, Relabelled
from wherefrom.scores import positions_of
from wherefrom.types import Tree


@dataclass(frozen=True, eq=False)
class Variants:
    """m problems: ``weights`` (m, n) of the examples, 0 of those left out, and ``divisors`` (m,), what N is multiplied by.

    Where some are relabelled, ``which`` (m, n) names the row of ``targets`` that each example has; otherwise all have the problem's own.
    """

    weights: Tensor
    divisors: Tensor
    which: Tensor | None = None
    targets: Tree = None

    @classmethod
    def of(cls, problem: Problem, changes: Sequence[Change]) -> "Variants":
        """A problem for each change. Raises :class:`UsageError` where nothing is left of one."""
        weights, divisors = problem.weights.repeat(len(changes), 1), problem.weights.new_ones(len(changes))
        places = [torch.from_numpy(positions_of(change.ids, problem.ids, "training")) for change in changes]
        for row, change in enumerate(changes):
            if isinstance(change, LeftOut):
                weights[row, places[row]] = 0
                left = weights[row].sum()
                if not bool(left > 0):
                    raise UsageError("Leaving a group out leaves no training examples; keep at least one.")
                divisors[row] = left / problem.normaliser if change.normalise else 1
        relabelled = [(row, change) for row, change in enumerate(changes) if isinstance(change, Relabelled)]
        if not relabelled:
            return cls(weights, divisors)
        which = torch.arange(len(problem), dtype=torch.int32).repeat(len(changes), 1)
        total = len(problem)
        for row, change in relabelled:
            which[row, places[row]] = torch.arange(total, total + len(change.ids), dtype=torch.int32)
            total += len(change.ids)
        own = joined(replace(batch, inputs=None) for batch in problem.batches()).targets
        columns = iter([torch.cat(column) for column in zip(leaves(own), *(leaves(change.labels) for _, change in relabelled), strict=True)])
        return cls(weights, divisors, which.to(problem.device), tree_map(lambda _: next(columns), own))

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, rows: Any) -> "Variants":
        """Some of the problems."""
        return Variants(self.weights[rows], self.divisors[rows], None if self.which is None else self.which[rows], self.targets)

    def targets_at(self, rows: Tensor | int, positions: Tensor, own: Tree) -> Tree:
        """The targets that the problems ``rows`` have of the examples ``positions``, pair by pair; ``own`` are those of the problem they vary."""
        if self.which is None:
            return own
        chosen = self.which[rows, positions].long()
        return tree_map(lambda leaf: leaf[chosen], self.targets)
