"""``wf.select``: the public names of the room ``selection``."""

from wherefrom.selection import (
    MMD,
    DivineSelection,
    FacilityLocation,
    FisherSelection,
    SumRedundancy,
    TradeOff,
    adaptive_greedy,
    divine,
    fisher_kernel_select,
)

__all__ = [
    "MMD", "DivineSelection", "FacilityLocation", "FisherSelection", "SumRedundancy", "TradeOff", "adaptive_greedy", "divine",
    "fisher_kernel_select",
]  # fmt: skip
