"""Wrong labels found by a network, by start and by which labels are wrong."""

from wherefrom_studies.koh_liang.starts.labels.analysis import analyse, number_names
from wherefrom_studies.koh_liang.starts.labels.experiment import search_starts
from wherefrom_studies.koh_liang.starts.labels.report import compose
from wherefrom_studies.part import Part

NETWORK_LABELS = Part(search_starts, number_names, analyse, compose)

__all__ = ["NETWORK_LABELS"]
