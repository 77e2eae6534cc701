"""A table split into parts and encoded by the first, which a model is to be trained on."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch import Tensor

from wherefrom import datasets
from wherefrom.cli.training import Learner
from wherefrom.datasets.encoder import Encoder

Parts = tuple[np.ndarray, ...]  # positions of rows


class Split(Protocol):
    """:func:`wherefrom.datasets.split` or :func:`wherefrom.datasets.split_three`."""

    def __call__(self, n: int, *, seed: int, stratify: np.ndarray | None) -> Parts:
        """Share out n rows, the classes of ``stratify`` alike."""
        ...


@dataclass(frozen=True, eq=False)
class EncodedTable:
    """Inputs and targets of all rows, the positions of each part, and the learner of the table's task, centred and scaled by the first part."""

    X: Tensor
    y: Tensor
    parts: Parts
    encoder: Encoder
    learner: Learner


def encode_table(table: datasets.Table, learner: Learner, split: Split) -> EncodedTable:
    """Split a table and encode it; columns, and a target of numbers, are scaled by what the first part holds."""
    y = datasets.encode_target(table, table.frame)
    parts = split(len(table.ids), seed=learner.seed, stratify=y.numpy() if table.classes else None)
    learner = replace(learner, classes=table.classes)
    if not table.classes:
        learner = replace(learner, centre=float(y[parts[0]].mean()), spread=float(y[parts[0]].std()) or 1.0)
    encoder = datasets.fit_encoder(table, parts[0])
    return EncodedTable(encoder.transform(table.frame), y, parts, encoder, learner)
