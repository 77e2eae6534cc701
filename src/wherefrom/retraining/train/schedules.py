"""Learning-rate schedules: (step, steps) -> the factor of the learning rate at that step."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int, int], float]


@dataclass(frozen=True)
class Constant:
    """1 throughout."""

    def __call__(self, step: int, steps: int) -> float:
        """The factor."""
        return 1.0


@dataclass(frozen=True)
class Cosine:
    """A linear rise over the first ``warmup`` share of the steps, then half a cosine from 1 down to ``floor``."""

    warmup: float = 0.0
    floor: float = 0.0

    def __call__(self, step: int, steps: int) -> float:
        """The factor."""
        rise = round(self.warmup * steps)
        if step < rise:
            return (step + 1) / (rise + 1)
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2


@dataclass(frozen=True)
class Linear:
    """The same with a straight fall."""

    warmup: float = 0.0
    floor: float = 0.0

    def __call__(self, step: int, steps: int) -> float:
        """The factor."""
        rise = round(self.warmup * steps)
        return (step + 1) / (rise + 1) if step < rise else 1 - (1 - self.floor) * (step - rise) / max(1, steps - rise)


@dataclass(frozen=True)
class Milestones:
    """Times ``factor`` at each share of the steps named in ``at``."""

    at: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1

    def __call__(self, step: int, steps: int) -> float:
        """The factor."""
        return self.factor ** sum(step >= share * steps for share in self.at)
