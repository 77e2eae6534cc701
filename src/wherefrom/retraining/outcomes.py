"""What retraining showed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from wherefrom.types import Id, Tree


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Each query's measurement after retraining without each group, or with each relabelled, and as it was.

    ``values`` (seeds, q, m), ``baseline`` (seeds, q); ``groups`` names the m groups and their ids; ``sign`` is +1 where a
    rise of the measurement is a worsening, -1 where a fall is. ``labels`` holds each group's new targets, in the order of its
    ids, where it was relabelled, and is None where groups were left out.
    """

    values: Tensor
    baseline: Tensor
    groups: Mapping[str, Sequence[Id]]
    query_ids: np.ndarray
    sign: float
    unit: str
    labels: Mapping[str, Tree] | None = None

    @property
    def change(self) -> Tensor:
        """The worsening of each query by leaving out (or relabelling) each group (q, m), averaged over seeds: what influence predicts."""
        return self.sign * (self.values - self.baseline[:, :, None]).mean(0)
