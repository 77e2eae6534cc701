"""The RBF kernel between examples, φ(u, v) = exp(-‖x_u - x_v‖² / 2h²): held where it fits into memory, else made block by block."""

import math
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from wherefrom.curvature.draws import uniform
from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError
from wherefrom.memory import memory_budget
from wherefrom.progress import track
from wherefrom.types import Numbers

SAMPLE = 1000  # examples whose pairwise distances give the median
ENTRIES = 1 << 22  # of one block of the kernel


@dataclass(frozen=True, eq=False)
class Kernel:
    """φ between n rows of features, in float64; ``table`` is all of it, or None."""

    rows: Tensor  # (n, p), centred: squared distances are differences of squares, which large means would cancel
    squares: Tensor  # (n,)
    bandwidth: float
    memory: int | str | None = None
    table: Tensor | None = None

    @classmethod
    def of(cls, features: Numbers, ids: np.ndarray, bandwidth: float | None, seed: int, memory: int | str | None) -> "Kernel":
        """From features (n, ...), flattened; h = the median distance between some pairs unless ``bandwidth`` says otherwise."""
        rows = torch.as_tensor(features).detach()
        if rows.dim() == 0 or len(rows) != len(ids):
            raise UsageError(f"Features of shape {tuple(rows.shape)} for {len(ids)} scored examples; give a row for each, in their order.")
        rows = rows.reshape(len(rows), -1).double()
        if not all_finite(rows):
            bad = int((~torch.isfinite(rows)).nonzero()[0, 0])
            raise UsageError(f"The features of example {ids[bad]!s} are not finite; fill them in or leave the example out.")
        if bandwidth is not None and not (math.isfinite(bandwidth) and bandwidth > 0):
            raise UsageError(f"bandwidth={bandwidth} is no distance; give a number above 0, or None for the median.")
        rows = rows - rows.mean(0)
        squares, bandwidth = rows.square().sum(1), _median(rows, ids, seed) if bandwidth is None else float(bandwidth)
        if not all_finite(squares) or not 0 < bandwidth * bandwidth < math.inf:
            raise UsageError("Squared distances of the features, or of bandwidth=, are beyond the range of numbers; scale the features.")
        return cls(rows, squares, bandwidth, memory)

    def __len__(self) -> int:
        return len(self.rows)

    def of_places(self, places: Tensor) -> Tensor:
        """φ of some examples with all (k, n)."""
        if self.table is not None:
            return self.table[places]
        distances = (self.squares[places, None] + self.squares).sub_(self.rows[places] @ self.rows.T, alpha=2).clamp_(min=0)
        return distances.mul_(-0.5 / self.bandwidth**2).exp_()

    def row(self, place: int) -> Tensor:
        """φ of one example with all (n,)."""
        return self.of_places(torch.tensor([place], device=self.rows.device))[0]

    def blocks(self) -> tuple[Tensor, ...]:
        """All places, as many at a time as make a block."""
        return torch.arange(len(self), device=self.rows.device).split(max(1, ENTRIES // len(self)))

    def held(self, progress: bool) -> "Kernel":
        """The same kernel with its table, where n² numbers fit into the memory budget."""
        if self.table is not None or len(self) ** 2 * self.rows.itemsize > memory_budget(self.memory, self.rows.device):
            return self
        table = self.rows.new_empty(len(self), len(self))
        for places in track(self.blocks(), "similarities of examples", len(self.blocks()), progress):
            table[places] = self.of_places(places)
        return replace(self, table=table)

    def means(self, progress: bool) -> Tensor:
        """The mean of φ(u, v) over all u, for each v (n,)."""
        blocks = track(self.blocks(), "mean similarities", len(self.blocks()), progress)
        return torch.cat([self.of_places(places).mean(1) for places in blocks])

    def mean_distance(self, places: Tensor) -> float:
        """The mean distance ‖x_u - x_v‖ between pairs of some examples; 0 for one alone."""
        return float(torch.pdist(self.rows[places]).mean()) if len(places) > 1 else 0.0


def _median(rows: Tensor, ids: np.ndarray, seed: int) -> float:
    """The median distance of pairs that are apart, of all examples or of those whose hash of seed and id is least: the same in any order."""
    if len(rows) > SAMPLE:
        draws = uniform([crc32(f"{seed} {key}".encode()) for key in ids.tolist()], 1)[:, 0]
        rows = rows[torch.from_numpy(draws.argsort(kind="stable")[:SAMPLE]).to(rows.device)]
    distances = torch.pdist(rows)
    apart = distances[distances > 0]
    if len(apart) == 0:
        raise UsageError("The features of all examples are the same, so none is more diverse than another; give others.")
    return float(apart.median())
