"""(e) Two models that agree, told apart by their influences."""

from wherefrom_studies.koh_liang.twins.analysis import analyse, number_names
from wherefrom_studies.koh_liang.twins.experiment import score_models
from wherefrom_studies.koh_liang.twins.report import compose
from wherefrom_studies.part import Part

TWINS = Part(score_models, number_names, analyse, compose)

__all__ = ["TWINS"]
