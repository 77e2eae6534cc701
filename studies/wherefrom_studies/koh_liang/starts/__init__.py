"""(i) What the usual reading of the paper misses: how (a), (b), (f) and (h) move with the start of training, and what concentration says."""

from wherefrom_studies.koh_liang.starts.attack import LAST_LAYER
from wherefrom_studies.koh_liang.starts.labels import NETWORK_LABELS
from wherefrom_studies.koh_liang.starts.rankings import RANKINGS

STARTS = (RANKINGS, LAST_LAYER, NETWORK_LABELS)

__all__ = ["STARTS"]
