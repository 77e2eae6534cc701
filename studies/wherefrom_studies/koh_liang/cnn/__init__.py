"""(b) Predicted against actual leave-one-out of a network with convolutions."""

from wherefrom_studies.koh_liang.cnn.analysis import analyse, number_names
from wherefrom_studies.koh_liang.cnn.experiment import retrain_networks
from wherefrom_studies.koh_liang.cnn.report import BARS, compose
from wherefrom_studies.part import Part

CNN = Part(retrain_networks, number_names, analyse, compose, BARS)

__all__ = ["CNN"]
