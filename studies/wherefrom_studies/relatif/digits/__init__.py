"""Softmax regressions on digits: whom each method names, and what it costs."""

from wherefrom_studies.part import Part
from wherefrom_studies.relatif.digits.analysis import analyse, cell_number, few_number, images_number, method_number, number_names
from wherefrom_studies.relatif.digits.experiment import list_digits
from wherefrom_studies.relatif.digits.report import BARS, compose

DIGITS = Part(list_digits, number_names, analyse, compose, BARS)

__all__ = ["DIGITS", "cell_number", "few_number", "images_number", "method_number"]
