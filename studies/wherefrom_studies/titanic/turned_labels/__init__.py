"""Turned labels: which rankings find them first."""

from wherefrom_studies.part import Part
from wherefrom_studies.titanic.turned_labels.analysis import analyse, number_names
from wherefrom_studies.titanic.turned_labels.experiment import turn_labels
from wherefrom_studies.titanic.turned_labels.report import compose

TURNED_LABELS = Part(turn_labels, number_names, analyse, compose)

__all__ = ["TURNED_LABELS"]
