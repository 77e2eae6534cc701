"""(d) What influence has that nearness has not."""

from wherefrom_studies.koh_liang.terms.analysis import analyse, number_names
from wherefrom_studies.koh_liang.terms.experiment import retrain_digits
from wherefrom_studies.koh_liang.terms.report import compose
from wherefrom_studies.part import Part

TERMS = Part(retrain_digits, number_names, analyse, compose)

__all__ = ["TERMS"]
