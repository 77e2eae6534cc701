"""Influence, RelatIF and DIVINE side by side, after a thesis of 2022."""

from whence.studies.relatif.study import RelatIF

__all__ = ["RelatIF"]
