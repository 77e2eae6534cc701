"""What retraining showed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Each query's measurement after retraining without each group, and without leaving anything out.

    ``values`` (seeds, q, m), ``baseline`` (seeds, q); ``groups`` names the m groups and their ids; ``sign`` is +1 where a
    rise of the measurement is a worsening, -1 where a fall is.
    """

    values: Tensor
    baseline: Tensor
    groups: Mapping[str, Sequence[object]]
    query_ids: np.ndarray
    sign: float
    unit: str

    @property
    def change(self) -> Tensor:
        """The worsening of each query by leaving out each group (q, m), averaged over seeds: what influence predicts."""
        return self.sign * (self.values - self.baseline[:, :, None]).mean(0)
