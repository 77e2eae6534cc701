"""Leaving the top of a ranking out, beside random rows and the seeds alone."""

from wherefrom_studies.part import Part
from wherefrom_studies.titanic.removal.analysis import analyse, number_names
from wherefrom_studies.titanic.removal.experiment import remove_tops
from wherefrom_studies.titanic.removal.report import compose

REMOVAL = Part(remove_tops, number_names, analyse, compose)

__all__ = ["REMOVAL"]
