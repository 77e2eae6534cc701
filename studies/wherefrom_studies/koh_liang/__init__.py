"""Koh & Liang 2017, experiment by experiment."""

from wherefrom_studies.koh_liang.study import KohLiang

__all__ = ["KohLiang"]
