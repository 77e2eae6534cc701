"""Influence, RelatIF and DIVINE side by side, after a thesis of 2022."""

from wherefrom_studies.relatif.study import RelatIF

__all__ = ["RelatIF"]
