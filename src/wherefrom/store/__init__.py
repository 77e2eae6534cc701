"""Scores, rows and factors on disk."""

from wherefrom.store.files import write_whole
from wherefrom.store.group import ArrayWriter, read_group, refuse_foreign, whole, write_group
from wherefrom.store.resume import UnfinishedFit, beneath, under
from wherefrom.store.tensors import read_tensors, write_tensors

__all__ = [
    "ArrayWriter",
    "UnfinishedFit",
    "beneath",
    "read_group",
    "read_tensors",
    "refuse_foreign",
    "under",
    "whole",
    "write_group",
    "write_tensors",
    "write_whole",
]
