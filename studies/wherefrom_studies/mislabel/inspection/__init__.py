"""Every ranking on the same networks, images of MNIST and CIFAR-10 or a table of the user's own, a tenth of the labels flipped."""

from wherefrom_studies.mislabel.inspection.analysis import accuracy_number, ahead_of_loss, analyse, by_auc, number_names, ranking_number
from wherefrom_studies.mislabel.inspection.experiment import inspect_sets
from wherefrom_studies.mislabel.inspection.report import compose
from wherefrom_studies.part import Part

INSPECTION = Part(inspect_sets, number_names, analyse, compose)

__all__ = ["INSPECTION", "accuracy_number", "ahead_of_loss", "by_auc", "ranking_number"]
