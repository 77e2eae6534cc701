"""Corrupted labels among held-out digits, by the protocol of the paper on Arnoldi."""

from wherefrom_studies.mislabel.heldout.analysis import analyse, heldout_number, number_names
from wherefrom_studies.mislabel.heldout.experiment import rank_heldout
from wherefrom_studies.mislabel.heldout.report import BARS, compose
from wherefrom_studies.part import Part

HELDOUT = Part(rank_heldout, number_names, analyse, compose, BARS)

__all__ = ["HELDOUT", "heldout_number"]
