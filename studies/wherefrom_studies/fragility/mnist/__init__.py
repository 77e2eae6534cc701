"""MNIST networks with convolutions: depth, width, activation and weight decay."""

from wherefrom_studies.fragility.mnist.analysis import analyse, mnist_number, number_names
from wherefrom_studies.fragility.mnist.experiment import retrain_networks
from wherefrom_studies.fragility.mnist.report import compose
from wherefrom_studies.part import Part

MNIST = Part(retrain_networks, number_names, analyse, compose)

__all__ = ["MNIST", "mnist_number"]
