"""Where influence can be trusted (Basu, Pope & Feizi 2021): by depth, width, activation and weight decay."""

from wherefrom_studies.fragility.study import Fragility

__all__ = ["Fragility"]
