"""How well scores agree with the truth: pure functions to estimates with intervals."""

from whence.metrics.concentration import Concentration, concentration
from whence.metrics.correlation import LooCorrelation, loo_correlation

__all__ = ["Concentration", "LooCorrelation", "concentration", "loo_correlation"]
