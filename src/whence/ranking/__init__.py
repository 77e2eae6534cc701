"""From scores to indices: which few examples to show."""

from whence.ranking.adaptive_greedy import adaptive_greedy
from whence.ranking.diversity import MMD, Diversity, FacilityLocation, SumRedundancy
from whence.ranking.divine import DivineSelection, TradeOff, divine
from whence.ranking.fisher_kernels import FisherSelection, fisher_kernel_select

__all__ = [
    "MMD", "Diversity", "DivineSelection", "FacilityLocation", "FisherSelection", "SumRedundancy", "TradeOff", "adaptive_greedy", "divine",
    "fisher_kernel_select",
]  # fmt: skip
