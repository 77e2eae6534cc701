"""(a) Predicted against actual leave-one-out of softmax regression."""

from wherefrom_studies.koh_liang.loo.analysis import analyse, number_names
from wherefrom_studies.koh_liang.loo.experiment import retrain_digits
from wherefrom_studies.koh_liang.loo.report import BARS, compose
from wherefrom_studies.part import Part

LOO = Part(retrain_digits, number_names, analyse, compose, BARS)

__all__ = ["LOO"]
