"""What a removal study can show, before it is run: a pilot of random sets against random sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wherefrom.data.examples import Queries
from wherefrom.errors import UsageError
from wherefrom.metrics import smallest_difference
from wherefrom.metrics.groups import worsening
from wherefrom.problem import Problem
from wherefrom.retraining import Train, removal_curve

APART = 77  # of the seed that draws the pilot's sets: not removal_curve's default


@dataclass(frozen=True)
class RemovalPower:
    """The smallest mean difference from the random arm that ``seeds`` seeds show with the given power, and when ``cells`` are tested at once.

    ``deviation`` is that of the paired difference of two random arms over the pilot's seeds, ``baseline`` that of the baseline itself: seeds and
    the luck of drawn sets, and seeds alone. A deviation from few pilot seeds is rough, ± 35 % from five.
    """

    smallest: float
    smallest_adjusted: float
    deviation: float
    baseline: float
    size: int
    seeds: int
    pilot: int
    cells: int
    power: float
    level: float
    unit: str

    def __str__(self) -> str:
        return (
            f"The mean {self.unit} differs by ± {self.deviation:.2g} between leaving {self.size} random examples out and {self.size} others "
            f"({self.pilot} pilot seeds; the baseline varies by ± {self.baseline:.2g}). With {self.power:.0%} power {self.seeds} seeds show a "
            f"difference of {self.smallest:.2g} in one test at {self.level:.0%}, {self.smallest_adjusted:.2g} in {self.cells} at once (Bonferroni)."
        )


def removal_power(
    problem: Problem, queries: Queries, train: Train, *, size: int, seeds: int, pilot: Sequence[int] = range(5), cells: int = 1,
    power: float = 0.8, level: float = 0.05,
    normalise: bool = False, jobs: int | None = None, out: str | Path | None = None, progress: bool = True,
) -> RemovalPower:  # fmt: skip
    """Train without ``size`` random examples and without as many others, for each pilot seed, and tell what ``seeds`` seeds could show.

    The differences of these two arms are what a ranking that knows nothing would show. The other arm is the random arm that :func:`removal_curve`
    draws for these seeds, so that with its ``out=`` file half of this pilot is part of the study. ``cells`` counts the tests: rankings × controls
    × sizes.
    Raises :class:`UsageError` for fewer than two pilot seeds.
    """
    if len(pilot) < 2 or seeds < 2:
        raise UsageError(f"{len(pilot)} pilot seeds and {seeds} planned ones; give 2 or more of each.")
    others = [np.random.default_rng([APART, int(seed)]).permutation(problem.ids) for seed in pilot]
    curve = partial(removal_curve, problem, queries=queries, train=train, sizes=[size], classes=None, normalise=normalise, jobs=jobs, out=out)
    found = [curve({"pilot": other}, seeds=[seed], progress=progress) for other, seed in zip(others, pilot, strict=True)]
    asked = found[0].arms["pilot"][0].query_ids
    excess = [float((worsening(one.arms["pilot"][0], asked) - worsening(one.arms["random"][0], asked)).mean()) for one in found]
    baselines = [float(one.arms["random"][0].baseline.double().mean()) for one in found]
    deviation = float(np.std(excess, ddof=1))
    one, all_cells = (smallest_difference(deviation, seeds, power=power, level=level / tests, paired=True) for tests in (1, cells))
    unit = found[0].arms["random"][0].unit
    return RemovalPower(one, all_cells, deviation, float(np.std(baselines, ddof=1)), size, seeds, len(pilot), cells, power, level, unit)
