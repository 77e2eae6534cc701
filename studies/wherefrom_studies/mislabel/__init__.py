"""Which method finds flipped labels (Picard et al. 2024): gains curves, AUC, average precision and cost, and what each method shows."""

from wherefrom_studies.mislabel.study import Mislabel

__all__ = ["Mislabel"]
