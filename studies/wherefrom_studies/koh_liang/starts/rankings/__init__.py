"""How far the rankings of two starts agree."""

from wherefrom_studies.koh_liang.starts.rankings.analysis import analyse, number_names
from wherefrom_studies.koh_liang.starts.rankings.experiment import score_starts
from wherefrom_studies.koh_liang.starts.rankings.report import compose
from wherefrom_studies.part import Part

RANKINGS = Part(score_starts, number_names, analyse, compose)

__all__ = ["RANKINGS"]
