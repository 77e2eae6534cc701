"""The defects of the original's code, repeated."""

from wherefrom_studies.part import Part
from wherefrom_studies.titanic.defects.analysis import analyse, number_names
from wherefrom_studies.titanic.defects.experiment import repeat_defects
from wherefrom_studies.titanic.defects.report import BARS, compose

DEFECTS = Part(repeat_defects, number_names, analyse, compose, BARS)

__all__ = ["DEFECTS"]
