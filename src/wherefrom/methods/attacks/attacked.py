"""What an attack on training data found: query by query, example by example."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Arm:
    """A query's measurement and prediction after 0, 1, 2, ... examples were changed and the model was trained again each time.

    ``sign`` is +1 where a rise of the measurement is a worsening, -1 where a fall is.
    """

    measurements: tuple[float, ...]
    predictions: tuple[int, ...]
    sign: float

    @property
    def flipped_by(self) -> int | None:
        """The fewest changed examples after which the prediction was another one; None where it stayed."""
        return next((m for m, prediction in enumerate(self.predictions) if prediction != self.predictions[0]), None)

    def gain(self, count: int) -> float:
        """The worsening of the measurement by ``count`` changed examples, or by as many as were changed."""
        return self.sign * (self.measurements[min(count, len(self.measurements) - 1)] - self.measurements[0])


@dataclass(frozen=True, eq=False)
class Attacked:
    """The attack on one query: ``ids`` of the changed examples, in the order in which they were taken.

    ``originals`` and ``inputs`` (m, *input) are what they held, and hold when all m are changed. ``aimed`` is the attack, ``random`` its control:
    random signs in the same ball, on the same examples. ``steps`` counts those for each number of examples.
    """

    query_id: Any
    ids: np.ndarray
    originals: Tensor
    inputs: Tensor
    aimed: Arm
    random: Arm
    steps: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Attack:
    """The attack on each query, in their order; ``count`` examples were allowed, each entry changed by ``radius`` at most."""

    attacked: tuple[Attacked, ...]
    count: int
    radius: float
    unit: str

    def flipped(self, count: int | None = None, *, random: bool = False) -> float:
        """The share of queries whose prediction flips with ``count`` changed examples (default: all that were allowed) or fewer."""
        by = [arm.flipped_by for arm in self._arms(random)]
        return float(np.mean([m is not None and m <= (self.count if count is None else count) for m in by]))

    def gain(self, count: int = 1, *, random: bool = False) -> Tensor:
        """The worsening of each query's measurement by ``count`` changed examples, or as many as were changed (q,)."""
        return torch.tensor([arm.gain(count) for arm in self._arms(random)], dtype=torch.float64)

    def to_pandas(self) -> "pd.DataFrame":
        """One row for each query and number of changed examples: the one that was added, then measurement and prediction of both arms."""
        import pandas as pd

        rows = []
        for one in self.attacked:
            for m in range(len(one.ids) + 1):
                added = {"train_id": one.ids[m - 1], "steps": one.steps[m - 1]} if m else {"train_id": None, "steps": 0}
                arms = {"": one.aimed, "random ": one.random}
                told = {f"{name}measurement": arm.measurements[m] for name, arm in arms.items()}
                told |= {f"{name}prediction": arm.predictions[m] for name, arm in arms.items()}
                rows.append({"query_id": one.query_id, "changed": m, **added, **told})
        return pd.DataFrame(rows)

    def _arms(self, random: bool) -> list[Arm]:
        return [one.random if random else one.aimed for one in self.attacked]
