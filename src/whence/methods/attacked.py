"""What an attack on training data found: query by query, example by example."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Attacked:
    """One query's attack. Entry m of ``measurements``, ``random`` and ``predictions`` is after m examples were changed and the model trained again.

    ``ids`` are those of the examples, in the order in which they were taken; ``originals`` and ``inputs`` (m, *input) what they held and hold at
    the end; ``random`` is with random signs in the same ball on the same examples; ``steps`` counts those of each m. ``sign`` is +1 where a rise
    of the measurement is a worsening, -1 where a fall is.
    """

    query_id: Any
    ids: np.ndarray
    originals: Tensor
    inputs: Tensor
    measurements: tuple[float, ...]
    random: tuple[float, ...]
    predictions: tuple[int, ...]
    steps: tuple[int, ...]
    sign: float

    @property
    def flipped_by(self) -> int | None:
        """The fewest changed examples after which the prediction was another one; None where it stayed."""
        return next((m for m, prediction in enumerate(self.predictions) if prediction != self.predictions[0]), None)

    def gain(self, count: int, *, random: bool = False) -> float:
        """The worsening of the measurement by ``count`` changed examples, or as many as it took; or by the random signs."""
        values = self.random if random else self.measurements
        return self.sign * (values[min(count, len(values) - 1)] - values[0])


@dataclass(frozen=True, eq=False)
class Attack:
    """The attack on each query, in their order."""

    attacked: tuple[Attacked, ...]
    radius: float
    count: int
    unit: str

    def flipped(self, count: int | None = None) -> float:
        """The share of queries whose prediction ``count`` changed examples (default: all that were allowed) or fewer flip."""
        most = self.count if count is None else count
        return float(np.mean([one.flipped_by is not None and one.flipped_by <= most for one in self.attacked]))

    def gain(self, count: int = 1, *, random: bool = False) -> Tensor:
        """The worsening of each query's measurement by ``count`` changed examples or as many as it took (q,); or by the random signs."""
        return torch.tensor([one.gain(count, random=random) for one in self.attacked], dtype=torch.float64)

    def to_pandas(self) -> pd.DataFrame:
        """One row per (query, number of examples changed): the example that was added, measurements, prediction, whether it is another one."""
        rows = []
        for one in self.attacked:
            for m, (value, random, said) in enumerate(zip(one.measurements, one.random, one.predictions, strict=True)):
                added = {"train_id": None if m == 0 else one.ids[m - 1], "steps": 0 if m == 0 else one.steps[m - 1]}
                said = {"prediction": said, "flipped": said != one.predictions[0]}
                rows.append({"query_id": one.query_id, "changed": m, **added, "measurement": value, "random": random, **said})
        return pd.DataFrame(rows)
