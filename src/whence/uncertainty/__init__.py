"""Error bars on attributions: what varies, moments over runs, rank intervals, and a verdict for each query."""

from whence.uncertainty.calibration import Calibration
from whence.uncertainty.noise import Bootstrap, Checkpoints, Dampings, LastLayerBootstrap, MethodSeeds, Noise, PermutedLabels, Seeds
from whence.uncertainty.ranks import RankIntervals
from whence.uncertainty.result import Trust, Verdict
from whence.uncertainty.trust import trust

__all__ = [
    "Bootstrap", "Calibration", "Checkpoints", "Dampings", "LastLayerBootstrap", "MethodSeeds", "Noise", "PermutedLabels", "RankIntervals",
    "Seeds", "Trust", "Verdict", "trust",
]  # fmt: skip
