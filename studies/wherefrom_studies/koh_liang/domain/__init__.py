"""(g) Domain mismatch."""

from wherefrom_studies.koh_liang.domain.analysis import analyse, number_names
from wherefrom_studies.koh_liang.domain.experiment import score_tables
from wherefrom_studies.koh_liang.domain.report import BARS, compose
from wherefrom_studies.part import Part

DOMAIN = Part(score_tables, number_names, analyse, compose, BARS)

__all__ = ["DOMAIN"]
