"""Iris networks: depth, width, activation and weight decay, in seconds a network."""

from wherefrom_studies.fragility.iris.analysis import analyse, iris_number, number_names
from wherefrom_studies.fragility.iris.experiment import retrain_networks
from wherefrom_studies.fragility.iris.report import BARS, compose
from wherefrom_studies.part import Part

IRIS = Part(retrain_networks, number_names, analyse, compose, BARS)

__all__ = ["IRIS", "iris_number"]
