"""The scores of every method on every seed's network: agreement, stability, how influence falls with rank, and cost."""

from wherefrom_studies.part import Part
from wherefrom_studies.titanic.scores.analysis import analyse, number_names
from wherefrom_studies.titanic.scores.experiment import score_settings
from wherefrom_studies.titanic.scores.report import BARS, compose

SCORES = Part(score_settings, number_names, analyse, compose, BARS)

__all__ = ["SCORES"]
