"""A forest as plain numbers: each tree's leaf of each row, how often the tree drew the row, and the mean target of each leaf."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.objective import Objective, squared_error
from wherefrom.trees.boosted import Route


@dataclass(frozen=True, eq=False)
class Forest:
    """``leaves`` (n, trees, 1) and ``counts`` (n, trees) of the training rows, ``sizes`` (trees, 1), ``values`` (leaves of all trees × K) flat.

    Of classes, the K outputs are probabilities. ``weighted``: leaf means weigh rows by count × weight, else by count alone.
    """

    library: str
    leaves: np.ndarray
    sizes: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    classes: int  # 0 for regression
    weighted: bool
    drawn: bool  # each tree has a bootstrap sample of its own
    route: Route
    tolerance: float

    @property
    def outputs(self) -> int:
        """The number of outputs K."""
        return max(self.classes, 1)

    @property
    def start(self) -> np.ndarray:
        """A forest starts at 0."""
        return np.zeros(self.outputs)

    @property
    def objective(self) -> Objective:
        """Squared error, of probabilities against the class (the Brier score): the logarithm of a probability of 0 has no value."""
        return Objective(_brier, convex=True) if self.classes else squared_error()

    @cached_property
    def bounds(self) -> np.ndarray:
        """Where each tree's leaves begin among those of all trees, and where the last one's end (trees + 1,)."""
        return np.concatenate([[0], np.cumsum(self.sizes[:, 0])])

    def slots(self, leaves: np.ndarray) -> np.ndarray:
        """Return the leaf of each row in each tree, counted through all trees: (rows, trees, 1) -> (rows, trees)."""
        return leaves[:, :, 0].astype(np.int64) + self.bounds[:-1]

    def predict(self, leaves: np.ndarray, values: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the mean over trees (rows, K)."""
        return self.per_tree(leaves, values).mean(1)

    def per_tree(self, leaves: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return what each tree says (rows, trees, K)."""
        return values.reshape(-1, self.outputs)[self.slots(leaves)]

    def shares(self, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return by how much each training row counts in its leaf of each tree (n, trees)."""
        return self.counts[rows] * (weights[:, None] if self.weighted else 1.0)

    def totals(self, leaves: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Return the sum of the shares in each leaf of all trees."""
        return np.bincount(self.slots(leaves).ravel(), shares.ravel(), int(self.bounds[-1]))

    def fitted_values(self, leaves: np.ndarray, shares: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the mean target of each leaf, flat. Raises :class:`UsageError` where a leaf has no row left."""
        total = self.totals(leaves, shares)
        if not (total > 0).all():
            raise UsageError("A leaf of the forest has no row left, so its mean has no value; leave fewer out, or train again: wf.trees.retrain().")
        targets = one_hot(y, self.classes)
        slots = self.slots(leaves)
        sums = [np.bincount(slots.ravel(), (shares * targets[:, [k]]).ravel(), len(total)) for k in range(self.outputs)]
        return (np.stack(sums, 1) / total[:, None]).ravel()

    def kernel(
        self, leaves: np.ndarray, shares: np.ndarray, asked: np.ndarray, *, allowed: np.ndarray | None = None, factor: np.ndarray | None = None
    ) -> np.ndarray:
        """Return mean over trees of share_i [same leaf] / Σ shares: (q, n).

        ``allowed`` (q, trees) are the trees that may speak for a query, ``factor`` (n, trees) multiplies each tree's term.
        """
        total, slots = self.totals(leaves, shares), self.slots(leaves)
        size, trees = len(total), slots.shape[1]
        own = np.divide(shares, total[slots], out=np.zeros(shares.shape), where=shares > 0)
        own = own if factor is None else own * factor
        train = csr_array((own.ravel(), slots.ravel(), np.arange(len(slots) + 1) * trees), shape=(len(slots), size))
        voices = np.ones((len(asked), trees)) if allowed is None else allowed.astype(float)
        part = np.divide(voices, voices.sum(1, keepdims=True), out=np.zeros_like(voices), where=voices > 0)
        queries = csr_array((part.ravel(), self.slots(asked).ravel(), np.arange(len(asked) + 1) * trees), shape=(len(asked), size))
        return (queries @ train.T).toarray()


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """Return targets (n, 1), or of classes a column for each."""
    return np.eye(classes)[y.astype(np.int64)] if classes else y[:, None]


def _brier(outputs: Tensor, targets: Tensor) -> Tensor:
    """Σ_k (p_k - [k is the class])²."""
    return (outputs - torch.nn.functional.one_hot(targets.long(), outputs.shape[-1])).square().sum(-1)
