"""Stability beyond the seed: other splits and other networks."""

from wherefrom_studies.part import Part
from wherefrom_studies.titanic.variation.analysis import analyse, number_names
from wherefrom_studies.titanic.variation.experiment import vary_training
from wherefrom_studies.titanic.variation.report import compose

VARIATION = Part(vary_training, number_names, analyse, compose)

__all__ = ["VARIATION"]
