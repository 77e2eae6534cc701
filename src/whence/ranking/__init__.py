"""From scores to indices: which few examples to show."""

from whence.ranking.adaptive_greedy import adaptive_greedy

__all__ = ["adaptive_greedy"]
