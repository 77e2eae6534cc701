"""The derivative of predictions in every training row's weight or target: one pass back through the rounds for a batch of queries.

Boosting is F₀ = start, θ_l = -(Σ w h + λ)⁻¹ Σ w g over the rows of leaf l, F ← F + ηθ, with the structure held. A are adjoints of the rows' raw
outputs, C those of a round's leaf values. Back from the last round: C = η(queries in the leaf + Σ_{i in leaf} A_i), E = H⁻¹C,
s_i -= E·(g_i + h_i θ), A_i -= w_i Eᵀ∂(g_i + h_i θ)/∂F, and at the start s_i += (∂start/∂w_i)·(queries + ΣA). A round with inner steps
does so for each, where C also loses what reaches the steps before by way of the rows. This takes O(rounds × (rows + leaves)) for each query.

Memory, not arithmetic, is what that costs. So A is read and written once for several rounds: what those owe to one another goes by couplings of their
leaves, Σᵢ w_i ∂(g_i + h_i θ)/∂F over the rows that two leaves share, which no query changes.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted
from wherefrom.trees.losses import SquaredLoss
from wherefrom.trees.replay import Replay

WIDTH = 32  # queries whose adjoints go back together, in one thread
TOGETHER = 8  # stages for which the rows' adjoints are read and written once
DENSE = 1 << 16  # entries of a coupling that are held whatever the number of rows


@dataclass(frozen=True, eq=False)
class Rows:
    """What was trained on: the leaves of each row, targets and weights."""

    leaves: np.ndarray
    y: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Stage:
    """One inner step of one round, seen from the rows: their entries of the round's values (n, K), and of each the factors ``own`` (n, K) by
    which an entry's E enters the derivative in the row's weight, and ``back`` (n, K, K), (entry, raw output), by which it enters A.
    """

    number: int
    step: int
    slots: np.ndarray
    own: np.ndarray
    back: np.ndarray
    values: np.ndarray
    hessians: np.ndarray


def stages(trees: Boosted, found: Replay, rows: Rows, targets: bool = False) -> Iterator[list[Stage]]:
    """Yield the steps of each round from the last to the first. ``targets``: ``own`` is of the row's target, not of its weight times that weight."""
    rule, raw, w = trees.rule, found.raw.copy(), rows.weights[:, None]
    for number in range(trees.rounds - 1, -1, -1):
        slots = trees.slots(rows.leaves, number)
        raw -= found.values[trees.bounds[number] : trees.bounds[number + 1]][slots]
        here, total = [], np.zeros(int(trees.bounds[number + 1] - trees.bounds[number]))
        for place, (step, hessians) in enumerate(zip(found.steps[number], found.hessians[number], strict=True)):
            moved, own_step = raw + total[slots] if place else raw, step[slots]
            g, h = rule.loss.derivatives(rows.y, moved)
            own = -w * np.ones_like(g) if targets else w * (g + (h * own_step if h.ndim == 2 else np.einsum("ikm,im->ik", h, own_step)))
            here.append(Stage(number, place, slots, own, w[:, :, None] * rule.loss.slopes(rows.y, moved, own_step), step, hessians))
            total += step
        yield here


class Reverse:
    """The passes for one fitted ensemble. ``targets``: derivatives in the targets, of squared loss; else wᵢ times those in the weights."""

    def __init__(self, trees: Boosted, found: Replay, rows: Rows, targets: bool = False) -> None:
        """Hold what all queries share. Raises :class:`UsageError` for targets under another loss."""
        if targets and not isinstance(trees.rule.loss, SquaredLoss):
            raise UsageError("Predictions are linear in the targets under squared error alone; use LeafInfluence() for this loss.")
        self.trees, self.found, self.rows, self.targets = trees, found, rows, targets

    def derivatives(self, leaves: np.ndarray, cotangents: np.ndarray) -> np.ndarray:
        """Return Σ_k cotangent_k ∂F_k/∂log wᵢ (or ∂yᵢ) of each query: leaves (q, rounds, trees), cotangents (q, K) -> (n, q)."""
        cores = os.cpu_count() or 1
        width = max(1, min(WIDTH, -(-len(leaves) // cores)))
        parts = [slice(first, first + width) for first in range(0, len(leaves), width)]
        passes = [_Pass(self.trees, leaves[part], cotangents[part], len(self.rows.y)) for part in parts]
        ridges = self._ridge_slopes()
        with ThreadPoolExecutor(min(len(parts), cores)) as pool:
            for block in self._blocks():
                list(pool.map(lambda one, b=block: one.back_through(b, ridges), passes))
            start = self._start()
            return np.concatenate(list(pool.map(lambda one: one.finished(start), passes)), 1)

    def _blocks(self) -> Iterator["Block"]:
        """Yield the stages from the last to the first, some at a time."""
        waiting: list[Stage] = []
        for here in stages(self.trees, self.found, self.rows, self.targets):
            waiting.extend(reversed(here))
            if len(waiting) >= TOGETHER or here[0].number == 0:
                yield Block.of(waiting, self.trees.outputs)
                waiting = []

    def _start(self) -> np.ndarray:
        """The derivative of the start (n, K)."""
        w = self.rows.weights
        if self.targets:
            moves = not np.allclose(self.trees.rule.start.value(self.rows.y + 1, w), self.found.start)
            return (w / w.sum() if moves else np.zeros_like(w))[:, None]
        return w[:, None] * self.trees.rule.start.slopes(self.rows.y, w)

    def _ridge_slopes(self) -> np.ndarray | None:
        """wᵢ ∂λ/∂wᵢ, where λ is l2 times the mean weight of the rows that are there: leaving a row out takes its weight and its count away."""
        w = self.rows.weights
        if not self.trees.rule.by_mean_weight or self.targets or bool((w == w[0]).all()):
            return None
        return float(self.trees.rule.l2) * (w - w.mean()) / len(w)


@dataclass(frozen=True, eq=False)
class Block:
    """Some stages from the last to the first, as sparse matrices over the entries of them all: ``own`` (n, entries), ``back`` and ``members``
    (n K, entries), and ``couplings`` by (a later place, an earlier one).
    """

    stages: tuple[Stage, ...]
    bounds: np.ndarray
    own: csr_array
    back: csr_array
    members: csr_array
    couplings: Mapping[tuple[int, int], Any]

    @classmethod
    def of(cls, here: list[Stage], outputs: int) -> "Block":
        bounds = np.concatenate([[0], np.cumsum([len(stage.values) for stage in here])])
        n, count = len(here[0].slots), len(here)
        kind = np.int32 if n * count * outputs * outputs < np.iinfo(np.int32).max else np.int64
        slots = np.stack([stage.slots + first for stage, first in zip(here, bounds[:-1], strict=True)], 1).astype(kind)  # (n, stages, K)
        own = np.stack([stage.own for stage in here], 1)
        back = np.stack([stage.back for stage in here], 1)  # (n, stages, K, K)
        apart = slots.transpose(0, 2, 1)  # a row for each (example, raw output)
        rows, size = np.arange(n * outputs + 1, dtype=kind), int(bounds[-1])
        matrix = csr_array((own.ravel(), slots.ravel(), rows[: n + 1] * (count * outputs)), shape=(n, size))
        each = slots.ravel() if outputs == 1 else np.repeat(slots.reshape(n, 1, -1), outputs, 1).ravel()
        return cls(
            tuple(here), bounds, matrix,
            csr_array((back.transpose(0, 3, 1, 2).ravel(), each, rows * (count * outputs)), shape=(n * outputs, size)),
            csr_array((np.ones(apart.size), apart.ravel(), rows * count), shape=(n * outputs, size)),
            {(later, place): coupling(here[later], here[place]) for later in range(count) for place in range(later)},
        )  # fmt: skip

    def part(self, place: int) -> slice:
        """The entries of one stage among those of all."""
        return slice(int(self.bounds[place]), int(self.bounds[place + 1]))


def coupling(one: Stage, other: Stage) -> np.ndarray | csr_array:
    """Return what the adjoints of a stage's entries lose by those of another that comes after it in training: (entries, entries)."""
    shape = len(one.values), len(other.values)
    index = one.slots[:, None, :] * shape[1] + other.slots[:, :, None]  # (n, entry of the other, raw output)
    if shape[0] * shape[1] <= max(DENSE, index.size):
        return np.bincount(index.ravel(), other.back.ravel(), shape[0] * shape[1]).reshape(shape)
    return csr_array((other.back.ravel(), (index.ravel() // shape[1], index.ravel() % shape[1])), shape=shape)


class _Pass:
    """The adjoints of some queries on their way back."""

    def __init__(self, trees: Boosted, leaves: np.ndarray, cotangents: np.ndarray, n: int) -> None:
        self.trees, self.leaves, self.cotangents = trees, leaves, cotangents
        self.rows = np.zeros((n * trees.outputs, len(leaves)))  # A
        self.scores = np.zeros((n, len(leaves)))

    def back_through(self, block: Block, ridges: np.ndarray | None) -> None:
        """Go back through some stages."""
        reached = block.members.T @ self.rows
        solved = np.zeros_like(reached)  # E
        adjoint = reached[:0]
        for place, stage in enumerate(block.stages):
            same = place > 0 and block.stages[place - 1].number == stage.number
            if same:
                adjoint = adjoint - block.couplings[place, place - 1] @ solved[block.part(place - 1)]
            else:
                adjoint = self._entering(block, place, reached, solved)
            solved[block.part(place)] = solve(stage.hessians, adjoint)
            if ridges is not None:
                self.scores -= ridges[:, None] * (stage.values @ solved[block.part(place)])
        self.scores -= block.own @ solved
        self.rows -= block.back @ solved

    def _entering(self, block: Block, place: int, reached: np.ndarray, solved: np.ndarray) -> np.ndarray:
        """Return C of the last step of a round: rate × (queries in each leaf + ΣA of its rows)."""
        number = block.stages[place].number
        adjoint = reached[block.part(place)]
        for before in range(place):
            adjoint = adjoint - block.couplings[place, before] @ solved[block.part(before)]
        slots, asked = self.trees.slots(self.leaves, number), np.arange(len(self.leaves))[:, None]
        adjoint = adjoint.copy()
        np.add.at(adjoint, (slots, asked), self.cotangents)
        return adjoint * self.trees.rule.rates[number]

    def finished(self, start: np.ndarray) -> np.ndarray:
        """Return the derivatives (n, queries)."""
        reached = self.rows.reshape(-1, self.trees.outputs, len(self.leaves)).sum(0) + self.cotangents.T
        return self.scores + start @ reached


def solve(hessians: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return H⁻¹ right (entries, q): entry by entry, or leaf by leaf where hessians are (leaves, K, K). Where there is none, 0."""
    if hessians.ndim == 1:
        return np.divide(right, hessians[:, None], out=np.zeros_like(right), where=hessians[:, None] > 0)
    cells, outputs, _ = hessians.shape
    return np.linalg.solve(hessians, right.reshape(cells, outputs, -1)).reshape(right.shape)
