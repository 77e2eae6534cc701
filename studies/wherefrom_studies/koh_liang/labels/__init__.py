"""(h) Fixing labels."""

from wherefrom_studies.koh_liang.labels.analysis import analyse, number_names
from wherefrom_studies.koh_liang.labels.experiment import fix_labels
from wherefrom_studies.koh_liang.labels.report import BARS, compose
from wherefrom_studies.part import Part

LABELS = Part(fix_labels, number_names, analyse, compose, BARS)

__all__ = ["LABELS"]
