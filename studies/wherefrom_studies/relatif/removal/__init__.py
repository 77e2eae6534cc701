"""Training again without what each method names first, and DIVINE's trade-off."""

from wherefrom_studies.part import Part
from wherefrom_studies.relatif.removal.analysis import analyse, arm_number, number_names, spread_number
from wherefrom_studies.relatif.removal.experiment import count_of, retrain_without_first
from wherefrom_studies.relatif.removal.report import compose

REMOVAL = Part(retrain_without_first, number_names, analyse, compose)

__all__ = ["REMOVAL", "arm_number", "count_of", "spread_number"]
