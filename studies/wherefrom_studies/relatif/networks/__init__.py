"""Networks on CIFAR-10, small and large: whom each method names, and what it costs by EK-FAC."""

from wherefrom_studies.part import Part
from wherefrom_studies.relatif.networks.analysis import analyse, network_number, number_names
from wherefrom_studies.relatif.networks.architectures import NETWORKS
from wherefrom_studies.relatif.networks.experiment import list_networks
from wherefrom_studies.relatif.networks.report import BARS, compose

IMAGE_NETWORKS = Part(list_networks, number_names, analyse, compose, BARS)

__all__ = ["IMAGE_NETWORKS", "NETWORKS", "network_number"]
