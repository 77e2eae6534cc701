"""A binary network by loss: zeros and ties of the hinge, and of a smooth one."""

from wherefrom_studies.part import Part
from wherefrom_studies.relatif.losses.analysis import analyse, loss_number, number_names
from wherefrom_studies.relatif.losses.experiment import CLASSES, compare_losses
from wherefrom_studies.relatif.losses.report import compose

LOSS_FUNCTIONS = Part(compare_losses, number_names, analyse, compose)

__all__ = ["CLASSES", "LOSS_FUNCTIONS", "loss_number"]
