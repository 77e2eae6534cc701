"""Error bars on attributions: what varies, moments over runs, rank intervals, and a verdict for each query."""

from wherefrom.uncertainty.calibration import Calibration
from wherefrom.uncertainty.noise import Bootstrap, Checkpoints, Dampings, LastLayerBootstrap, MethodSeeds, Noise, PermutedLabels, Seeds
from wherefrom.uncertainty.ranks import RankIntervals
from wherefrom.uncertainty.result import Trust, Verdict
from wherefrom.uncertainty.trust import trust

__all__ = [
    "Bootstrap", "Calibration", "Checkpoints", "Dampings", "LastLayerBootstrap", "MethodSeeds", "Noise", "PermutedLabels", "RankIntervals",
    "Seeds", "Trust", "Verdict", "trust",
]  # fmt: skip
