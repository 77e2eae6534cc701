"""(c) A loss that is not differentiable."""

from wherefrom_studies.koh_liang.hinge.analysis import analyse, number_names
from wherefrom_studies.koh_liang.hinge.experiment import retrain_machines
from wherefrom_studies.koh_liang.hinge.report import BARS, compose
from wherefrom_studies.part import Part

HINGE = Part(retrain_machines, number_names, analyse, compose, BARS)

__all__ = ["HINGE"]
