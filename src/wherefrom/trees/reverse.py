"""The derivative of predictions in every training row's weight or target: one pass back through the rounds for a batch of queries.

Boosting is F₀ = start, θ_l = -(Σ w h + λ)⁻¹ Σ w g over the rows of leaf l, F ← F + ηθ, with the structure held. A are adjoints of the rows' raw
outputs, C those of a round's leaf values. Back from the last round: C = η(queries in the leaf + Σ_{i in leaf} A_i), E = H⁻¹C,
s_i -= E·(g_i + h_i θ), A_i -= w_i Eᵀ∂(g_i + h_i θ)/∂F, and at the start s_i += (∂start/∂w_i)·(queries + ΣA). A round with inner steps
does so for each, where C also loses what reaches the steps before by way of the rows. This takes O(rounds × (rows + leaves)) for each query.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from wherefrom.errors import UsageError
from wherefrom.trees.boosted import Boosted
from wherefrom.trees.losses import SquaredLoss
from wherefrom.trees.replay import Replay

WIDTH = 16  # queries whose adjoints pass through the cache together
GATHERED = 1 << 26  # bytes of the rows' own factors that are gathered before they meet the leaves' adjoints


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
        parts = [slice(first, first + WIDTH) for first in range(0, len(leaves), WIDTH)]
        n, outputs = len(self.rows.y), self.trees.outputs
        passes = [_Pass(self.trees, leaves[part], cotangents[part], n) for part in parts]
        with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as pool:
            for round_stages in stages(self.trees, self.found, self.rows, self.targets):
                matrices = [_Matrices.of(stage, outputs) for stage in round_stages]
                ridges = self._ridge_slopes()
                list(pool.map(lambda one, m=matrices, r=ridges, s=round_stages: one.round(s, m, r), passes))
            start = self._start()
            return np.concatenate(list(pool.map(lambda one: one.finished(start), passes)), 1)

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
class _Matrices:
    """A stage as sparse matrices over the round's entries: ``own`` (n, entries), ``back`` and ``members`` (n K, entries)."""

    own: csr_array
    back: csr_array
    members: csr_array

    @classmethod
    def of(cls, stage: Stage, outputs: int) -> "_Matrices":
        n, size = len(stage.slots), len(stage.values)
        slots = stage.slots.astype(np.int32)
        own = csr_array((stage.own.ravel(), slots.ravel(), np.arange(n + 1, dtype=np.int32) * outputs), shape=(n, size))
        if outputs == 1:
            back = csr_array((stage.back.ravel(), slots.ravel(), own.indptr), shape=(n, size))
            return cls(own, back, csr_array((np.ones(n), slots.ravel(), own.indptr), shape=(n, size)))
        each = np.arange(n * outputs + 1, dtype=np.int64)
        data = stage.back.transpose(0, 2, 1).ravel()  # a row for each (example, raw output), in it the entries of all outputs
        back = csr_array((data, np.repeat(slots, outputs, 0).ravel(), each * outputs), shape=(n * outputs, size))
        return cls(own, back, csr_array((np.ones(n * outputs), slots.ravel(), each), shape=(n * outputs, size)))


class _Pass:
    """The adjoints of some queries on their way back."""

    def __init__(self, trees: Boosted, leaves: np.ndarray, cotangents: np.ndarray, n: int) -> None:
        self.trees, self.leaves, self.cotangents = trees, leaves, cotangents
        self.rows = np.zeros((n * trees.outputs, len(leaves)))  # A
        self.scores = np.zeros((n, len(leaves)))
        self.waiting: list[tuple[csr_array, np.ndarray]] = []

    def round(self, here: list[Stage], matrices: list[_Matrices], ridges: np.ndarray | None) -> None:
        """Go back through the inner steps of one round."""
        number, q = here[0].number, len(self.leaves)
        adjoint = matrices[0].members.T @ self.rows  # C
        np.add.at(adjoint, (self.trees.slots(self.leaves, number), np.arange(q)[:, None]), self.cotangents)
        adjoint *= self.trees.rule.rates[number]
        changes = None
        for stage, matrix in zip(reversed(here), reversed(matrices), strict=True):
            solved = solve(stage.hessians, adjoint)  # E
            self._gather(matrix.own, solved)
            if ridges is not None:
                self.scores -= ridges[:, None] * (stage.values @ solved)
            change = matrix.back @ solved
            if stage.step:
                adjoint = adjoint - matrix.members.T @ change
            changes = change if changes is None else changes + change
        self.rows -= changes

    def _gather(self, own: csr_array, solved: np.ndarray) -> None:
        """Let some rounds' factors meet their leaves' adjoints together, so that the scores are written seldom."""
        self.waiting.append((own, solved))
        if sum(matrix.data.nbytes for matrix, _ in self.waiting) >= GATHERED:
            self._scatter()

    def _scatter(self) -> None:
        if not self.waiting:
            return
        n, width = self.scores.shape[0], [matrix.shape[1] for matrix, _ in self.waiting]
        per_row = len(self.waiting[0][0].data) // n
        base = np.concatenate([[0], np.cumsum(width)[:-1]])
        data = np.concatenate([matrix.data.reshape(n, per_row) for matrix, _ in self.waiting], 1)
        indices = np.concatenate([matrix.indices.reshape(n, per_row) + first for (matrix, _), first in zip(self.waiting, base, strict=True)], 1)
        pointers = np.arange(n + 1, dtype=np.int64) * data.shape[1]
        joined = csr_array((data.ravel(), indices.ravel(), pointers), shape=(n, int(sum(width))))
        self.scores -= joined @ np.concatenate([solved for _, solved in self.waiting])
        self.waiting.clear()

    def finished(self, start: np.ndarray) -> np.ndarray:
        """Return the derivatives (n, queries)."""
        self._scatter()
        reached = self.rows.reshape(-1, self.trees.outputs, len(self.leaves)).sum(0) + self.cotangents.T
        return self.scores + start @ reached


def solve(hessians: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return H⁻¹ right (entries, q): entry by entry, or leaf by leaf where hessians are (leaves, K, K). Where there is none, 0."""
    if hessians.ndim == 1:
        return np.divide(right, hessians[:, None], out=np.zeros_like(right), where=hessians[:, None] > 0)
    cells, outputs, _ = hessians.shape
    return np.linalg.solve(hessians, right.reshape(cells, outputs, -1)).reshape(right.shape)


Derivatives = Callable[[np.ndarray, np.ndarray], np.ndarray]
