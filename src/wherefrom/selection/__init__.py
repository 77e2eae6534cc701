"""From scores to indices: which few examples to show."""

from wherefrom.selection.adaptive_greedy import adaptive_greedy
from wherefrom.selection.diversity import MMD, Diversity, FacilityLocation, SumRedundancy
from wherefrom.selection.divine import DivineSelection, TradeOff, divine
from wherefrom.selection.fisher_kernels import FisherSelection, fisher_kernel_select

__all__ = [
    "MMD", "Diversity", "DivineSelection", "FacilityLocation", "FisherSelection", "SumRedundancy", "TradeOff", "adaptive_greedy", "divine",
    "fisher_kernel_select",
]  # fmt: skip
