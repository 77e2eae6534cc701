"""A table in one form: its numbers, bit for bit, so that examples may hold the missing values that trees know how to treat."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.errors import UsageError, nearest
from wherefrom.trees.forms import Table


@dataclass(frozen=True, eq=False)
class TableForm:
    """How a table was given: ``kinds`` the type of each column of a frame, with ``names`` and, of categories and texts, their ``categories``.

    ``names`` is None for an array of type ``kind``.
    """

    width: int
    names: tuple[Any, ...] | None
    kind: Any
    kinds: tuple[Any, ...] = ()
    categories: tuple[Any, ...] = ()

    @classmethod
    def of(cls, table: Table) -> "TableForm":
        """The form of a training table. Raises :class:`UsageError` for one that is sparse or is no table."""
        if hasattr(table, "toarray"):
            raise UsageError(f"The table is sparse ({type(table).__name__}); give it dense: X.toarray().")
        if hasattr(table, "dtypes") and hasattr(table, "columns"):
            columns = [table[name] for name in table.columns]
            return cls(
                len(columns), tuple(table.columns), None, tuple(column.dtype for column in columns), tuple(_categories(column) for column in columns)
            )
        array = np.asarray(table)
        if array.ndim != 2 or array.dtype.kind not in "fiub":
            raise UsageError(f"A table has rows and columns of numbers, not shape {array.shape} of {array.dtype}; give a frame or a numeric array.")
        return cls(array.shape[1], None, array.dtype)

    def encode(self, table: Table) -> Tensor:
        """Return the bits (rows, columns) of a table of this form. Raises :class:`UsageError` for other columns and unknown categories."""
        if self.names is None:
            array = np.asarray(table)
            if array.ndim != 2 or array.shape[1] != self.width:
                raise UsageError(f"A table of shape {array.shape} was given; give the {self.width} columns that the model was fitted on.")
            return torch.from_numpy(np.ascontiguousarray(array, np.float64).view(np.int64))
        if not hasattr(table, "columns"):
            raise UsageError(f"The model was fitted on a frame with columns {list(self.names)[:4]} ...; give a frame with them.")
        for name in self.names:
            if name not in table.columns:
                raise UsageError(f"The table has no column {name!r}.{nearest(name, table.columns)} Give the columns that the model was fitted on.")
        columns = [self._column(table[name], place) for place, name in enumerate(self.names)]
        return torch.from_numpy(np.ascontiguousarray(np.stack(columns, 1)).view(np.int64))

    def _column(self, column: Any, place: int) -> np.ndarray:
        known = self.categories[place]
        if known is None:
            return column.to_numpy(np.float64, na_value=np.nan)
        codes = known.get_indexer(column)
        missing = column.isna().to_numpy()
        if (bad := (codes < 0) & ~missing).any():
            raise UsageError(f"Column {column.name!r} holds {column[bad].iloc[0]!r}, which training had not; leave these rows out.")
        return np.where(missing, np.nan, codes)

    def decode(self, bits: Tensor) -> Table:
        """Return the table that was encoded."""
        numbers = bits.cpu().numpy().view(np.float64)
        if self.names is None:
            return numbers if self.kind == np.float64 else numbers.astype(self.kind)
        import pandas as pd

        return pd.DataFrame({name: self._decoded(numbers[:, place], place) for place, name in enumerate(self.names)})

    def _decoded(self, column: np.ndarray, place: int) -> Any:
        import pandas as pd

        known, kind = self.categories[place], self.kinds[place]
        if known is None:
            return pd.Series(column).astype(kind)
        codes = np.where(np.isnan(column), -1, column).astype(np.int64)
        found = pd.Categorical.from_codes(codes, known)
        return pd.Series(found.astype(kind)) if isinstance(kind, pd.CategoricalDtype) else pd.Series(np.asarray(found, object)).astype(kind)


def _categories(column: Any) -> Any:
    """The values of a column of categories or texts, and None of a numeric one."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.categories
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return None
    return pd.Index(column.dropna().unique())
