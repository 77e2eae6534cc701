"""The L∞ ball around an example's input within which an attack moves it."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import UsageError


@dataclass(frozen=True)
class Ball:
    """Inputs that differ from an example's own by at most ``radius`` in every entry, and lie between ``low`` and ``high``."""

    radius: float
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not (self.radius > 0 and self.low < self.high):
            raise UsageError(f"radius={self.radius}, low={self.low}, high={self.high} leave no room; give a radius above 0 and low below high.")

    def project(self, inputs: Tensor, originals: Tensor) -> Tensor:
        """The nearest inputs in the ball."""
        near = torch.minimum(torch.maximum(inputs, originals - self.radius), originals + self.radius)
        return near.clamp(self.low, self.high)

    def reach(self, slopes: Tensor, originals: Tensor) -> Tensor:
        """The largest first-order rise Σ slope · change that the ball allows each example (B,)."""
        change = self.project(originals + self.radius * slopes.sign(), originals) - originals
        return (slopes * change).flatten(1).sum(1)

    def random(self, originals: Tensor, ids: np.ndarray, seed: int) -> Tensor:
        """Random signs times the radius, an example's own from the seed and its id, then into the ball."""
        found = []
        for key, original in zip(ids.tolist(), originals, strict=True):
            generator = torch.Generator().manual_seed(crc32(f"{seed} {key}".encode()))
            signs = torch.randint(0, 2, original.shape, generator=generator).to(original) * 2 - 1
            found.append(self.project(original + self.radius * signs, original))
        return torch.stack(found)
