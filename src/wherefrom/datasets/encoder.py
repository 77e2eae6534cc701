"""Table columns to numbers a model can take, learnt on the training rows alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from wherefrom.datasets.tables import Table
from wherefrom.errors import UsageError

MISSING = "missing"  # the category of an empty cell


@dataclass(frozen=True, eq=False)
class Encoder:
    """Numbers: (x or the median where missing - mean) / standard deviation. Categories: one column of 0 and 1 for each seen value.

    ``features`` names the encoded columns, ``scales`` the standard deviation of each number column.
    """

    numbers: Mapping[str, tuple[float, float, float]]  # name -> median, mean, standard deviation
    categories: Mapping[str, tuple[str, ...]]

    @property
    def features(self) -> tuple[str, ...]:
        """Number columns by name, then "column=value"."""
        return (*self.numbers, *(f"{name}={value}" for name, values in self.categories.items() for value in values))

    @property
    def scales(self) -> dict[str, float]:
        """The spread of each number column."""
        return {name: spread for name, (_, _, spread) in self.numbers.items()}

    def transform(self, frame: pd.DataFrame) -> Tensor:
        """Rows as float64 (n, features); a category that was not seen gives zeros."""
        parts = []
        for name, (median, mean, spread) in self.numbers.items():
            parts.append(((frame[name].astype(np.float64).fillna(median) - mean) / spread).to_numpy()[:, None])
        for name, values in self.categories.items():
            parts.append((_filled(frame[name])[:, None] == np.array(values, dtype=object)[None]).astype(np.float64))
        return torch.from_numpy(np.ascontiguousarray(np.concatenate(parts, 1)))


def fit_encoder(table: Table, positions: np.ndarray) -> Encoder:
    """Learn medians, means, spreads and categories from the rows at ``positions``; raises :class:`UsageError` for none."""
    if not len(positions):
        raise UsageError("There are no rows to learn the columns from; give at least one position.")
    rows = table.frame.iloc[positions]
    numbers, categories = {}, {}
    for column in table.columns:
        cells = rows[column.name]
        if column.kind == "category":
            categories[column.name] = tuple(sorted(set(_filled(cells).tolist())))
            continue
        values = cells.to_numpy(dtype=np.float64)
        median = float(np.nanmedian(values)) if not np.isnan(values).all() else 0.0
        values = np.where(np.isnan(values), median, values)
        spread = float(values.std()) if np.ptp(values) > 0 else 1.0  # the std of equal numbers may be a rounding error
        numbers[column.name] = (median, float(values.mean()), spread or 1.0)
    return Encoder(numbers, categories)


def encode_target(table: Table, frame: pd.DataFrame) -> Tensor:
    """Class positions (int64), or numbers (float64)."""
    if table.task == "regression":
        return torch.from_numpy(frame[table.target].to_numpy(dtype=np.float64).copy())
    place = {name: position for position, name in enumerate(table.classes)}
    return torch.tensor([place[name] for name in frame[table.target]], dtype=torch.int64)


def _filled(cells: pd.Series) -> np.ndarray:
    return np.array([MISSING if cell is None or cell != cell else str(cell) for cell in cells], dtype=object)
