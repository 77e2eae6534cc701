"""(f) The training-set attack on image pairs."""

from wherefrom_studies.koh_liang.attack.analysis import analyse, number_names
from wherefrom_studies.koh_liang.attack.experiment import attack_images
from wherefrom_studies.koh_liang.attack.report import BARS, compose
from wherefrom_studies.part import Part

ATTACK = Part(attack_images, number_names, analyse, compose, BARS)

__all__ = ["ATTACK"]
