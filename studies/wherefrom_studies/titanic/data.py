"""The passengers of the Titanic, or a table of the user's own: 711 to learn from, the rest held out in two halves, one to rank and one to judge."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import wherefrom as wf
from wherefrom_studies.study import Study

HELD_OUT = 0.2  # of all rows, as in the original: 178 of 889
PLANTED = 0.05  # of the training labels, where they are flipped


@dataclass(frozen=True, eq=False)
class PassengerTable:
    """Encoded rows and their two classes; ``train``, ``validation`` and ``test`` are positions, ``descriptions`` are the rows in words."""

    X: torch.Tensor
    y: torch.Tensor
    ids: np.ndarray
    descriptions: tuple[str, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        """The positions of validation and test rows."""
        return np.concatenate([self.validation, self.test])

    def rows(self, positions: np.ndarray) -> wf.Examples:
        """Return these rows as queries with their ids."""
        return wf.Examples.of((self.X[positions], self.y[positions]), self.ids[positions])


def read_passengers(path: Path | None = None, target: str | None = None, seed: int = 0) -> PassengerTable:
    """Read the Titanic without the two passengers whose port is not known, or the table at ``path``; the encoder sees training rows alone."""
    table = wf.datasets.titanic() if path is None else wf.datasets.read_table(str(path), target or "")
    if len(table.classes) != 2:
        raise wf.UsageError(f"The target {table.target} has {len(table.classes) or 'no'} classes; this study is about two, as in survived or not.")
    frame = table.frame[table.frame["Embarked"].notna()] if path is None else table.frame
    if len(frame) < 300:
        raise wf.UsageError(f"{len(frame)} rows are too few to leave 200 out of the training part; give a table of 300 or more.")
    y = wf.datasets.encode_target(table, frame)
    train, validation, test = wf.datasets.split_three(len(frame), seed=seed, validation=HELD_OUT / 2, test=HELD_OUT / 2, stratify=y.numpy())
    if len(np.unique(y[test])) < 2 or len(np.unique(y[validation])) < 2:
        raise wf.UsageError(f"A held-out part has one class of {table.target} alone; give a table with more rows of the rarer class.")
    encoder = wf.datasets.fit_encoder(table, np.isin(table.ids, frame.index[train]).nonzero()[0])
    return PassengerTable(encoder.transform(frame), y, frame.index.to_numpy(), describe_rows(frame, path is None), train, validation, test)


def passengers_of(study: Study) -> tuple[PassengerTable, dict[str, Any]]:
    """Read the table that a study asks about; return with it what names its kept parts."""
    passengers = read_passengers(study.data, study.target)
    return passengers, {"data": str(study.data), "target": study.target, "rows": len(passengers.y)}


def describe_rows(frame: pd.DataFrame, passengers: bool) -> tuple[str, ...]:
    """Say each row in words."""
    descriptions = []
    for key, row in frame.iterrows():
        cells = [f"{name} {value:g}" if isinstance(value, float | int) else f"{name} {value}" for name, value in row.items() if pd.notna(value)]
        descriptions.append((f"PassengerId {int(str(key)) + 1}: " if passengers else f"{key}: ") + ", ".join(cells))
    return tuple(descriptions)


def flip_labels(passengers: PassengerTable, seed: int) -> tuple[PassengerTable, np.ndarray]:
    """Turn a twentieth of the training labels round; return the table and the ids whose labels are turned."""
    chosen = np.random.default_rng(seed).choice(passengers.train, round(PLANTED * len(passengers.train)), replace=False)
    y = passengers.y.clone()
    y[chosen] = 1 - y[chosen]
    return replace(passengers, y=y), passengers.ids[np.sort(chosen)]
