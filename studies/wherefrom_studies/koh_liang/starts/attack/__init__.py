"""The attack on the last layer of a network, by start."""

from wherefrom_studies.koh_liang.starts.attack.analysis import analyse, number_names
from wherefrom_studies.koh_liang.starts.attack.experiment import attack_starts
from wherefrom_studies.koh_liang.starts.attack.report import compose
from wherefrom_studies.part import Part

LAST_LAYER = Part(attack_starts, number_names, analyse, compose)

__all__ = ["LAST_LAYER"]
