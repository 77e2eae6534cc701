"""How well scores agree with the truth: pure functions to estimates with intervals."""

from whence.metrics.correlation import LooCorrelation, loo_correlation

__all__ = ["LooCorrelation", "loo_correlation"]
