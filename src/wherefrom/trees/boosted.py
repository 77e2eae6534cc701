"""A boosted ensemble as plain numbers: which leaf each row falls in, the value of each leaf, and the rule that made them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wherefrom.trees.losses import Loss
from wherefrom.trees.starts import Start

Route = Callable[[Any], np.ndarray]  # a table -> (rows, rounds, trees of a round), counted from 0 in each tree


@dataclass(frozen=True, eq=False)
class Rule:
    """How leaf values were made: rate × Σ over ``steps`` inner steps of -(Σwh + l2)⁻¹ Σwg over a leaf's rows.

    ``rates`` (rounds,). ``single``: the library read targets and weights as float32. ``l2`` is one number or one for each entry of
    ``Boosted.values``; ``by_mean_weight``: times the mean weight of the rows.
    """

    loss: Loss
    rates: np.ndarray
    start: Start
    l2: float | np.ndarray = 0.0
    steps: int = 1
    by_mean_weight: bool = False
    single: bool = False

    def seen(self, numbers: np.ndarray) -> np.ndarray:
        """Return targets or weights as the library read them."""
        return numbers.astype(np.float32).astype(np.float64) if self.single else numbers


@dataclass(frozen=True, eq=False)
class Boosted:
    """``leaves`` (n, rounds, trees of a round): one tree for each output, or one whose leaves hold a value for each (``rule.loss.full``).

    ``sizes`` (rounds, trees of a round) counts leaves; ``values`` holds rate × leaf value, round by round, tree by tree, leaf by leaf, output by
    output; ``tolerance`` is what replayed values may differ by, in units of the largest. ``flaw``: why the rows of a leaf are not known, though
    predictions are; ``suspect``: what to name where the values differ.
    """

    library: str
    leaves: np.ndarray
    sizes: np.ndarray
    values: np.ndarray
    start: np.ndarray
    rule: Rule
    route: Route
    tolerance: float
    flaw: str = ""
    suspect: str = ""

    @property
    def rounds(self) -> int:
        """The number of rounds."""
        return self.leaves.shape[1]

    @property
    def outputs(self) -> int:
        """The number of raw outputs K."""
        return self.rule.loss.outputs

    @cached_property
    def bounds(self) -> np.ndarray:
        """Where each round's entries of ``values`` begin, and where the last one's end (rounds + 1,)."""
        width = self.outputs if self.rule.loss.full else 1
        return np.concatenate([[0], np.cumsum(self.sizes.sum(1) * width)])

    def slots(self, leaves: np.ndarray, number: int) -> np.ndarray:
        """Return the entry of a round's values for each output of each row: leaves (rows, rounds, trees) -> (rows, K), counted from 0."""
        chosen = leaves[:, number].astype(np.int64)
        if self.rule.loss.full:
            return chosen * self.outputs + np.arange(self.outputs)
        return chosen + np.concatenate([[0], np.cumsum(self.sizes[number])[:-1]])

    def predict(self, leaves: np.ndarray, values: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the raw outputs (rows, K) at some values and start."""
        raw = np.tile(start, (len(leaves), 1))
        for number in range(self.rounds):
            raw += values[self.bounds[number] : self.bounds[number + 1]][self.slots(leaves, number)]
        return raw


def compact(leaves: np.ndarray) -> np.ndarray:
    """Return leaf numbers in the smallest type that holds them."""
    return leaves.astype(np.min_scalar_type(int(leaves.max(initial=0))))
