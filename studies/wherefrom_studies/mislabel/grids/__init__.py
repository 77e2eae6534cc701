"""What each method shows: pictures of proponents and opponents."""

from wherefrom_studies.mislabel.grids.analysis import analyse, number_names
from wherefrom_studies.mislabel.grids.experiment import explain_networks
from wherefrom_studies.mislabel.grids.report import compose
from wherefrom_studies.part import Part

GRIDS = Part(explain_networks, number_names, analyse, compose)

__all__ = ["GRIDS"]
