"""What makes examples of language data: the training data of a problem and its queries come through the same door."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from wherefrom.data.examples import Data, Examples
from wherefrom.errors import UsageError
from wherefrom.lm.encoding import Encoder
from wherefrom.lm.layout import Side, grouped, packed, padded
from wherefrom.lm.rows import LanguageData, rows_of
from wherefrom.lm.token_row import TokenRow
from wherefrom.objective import IGNORED
from wherefrom.progress import track


class LanguageDataWarning(UserWarning):
    """Part of the data plays no part: tokens were cut off, or rows have none that count."""


@dataclass(frozen=True)
class Account:
    """What became of some rows: how many, their tokens and those that count in the loss, and what was cut off or counts for nothing."""

    rows: int
    tokens: int
    counted: int
    cut_rows: int
    cut_tokens: int
    empty: tuple[object, ...]
    max_length: int | None
    packed: int | None = None

    def describe(self) -> str:
        """The account in one sentence."""
        together = f" in {self.packed:,} packed ones" if self.packed is not None else ""
        return f"{self.rows:,} rows{together} of {self.tokens:,} tokens, {self.counted:,} of which count in the loss"

    def losses(self) -> tuple[str, ...]:
        """What is lost, in sentences; none where nothing is."""
        said = []
        if self.cut_rows:
            share = f"{self.cut_tokens:,} of {self.tokens + self.cut_tokens:,} tokens are cut off"
            said.append(f"{self.cut_rows:,} of {self.rows:,} rows are longer than {self.max_length} tokens: {share}; max_length= sets the length.")
        if self.empty:
            said.append(f"{len(self.empty):,} rows have no token that counts, so their scores are 0, such as {self.empty[0]!s}.")
        return tuple(said)


@dataclass(frozen=True, eq=False)
class Reader:
    """Rows to examples: by an encoder, to a table of tensors.

    ``pad`` is the token of padding, ``length`` that of packed rows (None: one document a row), ``apart`` whether rows say where documents begin.
    """

    encoder: Encoder
    pad: int = 0
    side: Side = "right"
    positions: bool = False
    apart: bool = False
    length: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None

    def __call__(self, data: Data | LanguageData) -> Examples:
        """Queries, one a row; each asks about at least one token."""
        if isinstance(data, Examples):
            return data
        rows, ids = self.encoded(cast("LanguageData", data))
        silent = [key for key, row in zip(ids.tolist(), rows, strict=True) if not row.counts()]
        if silent:
            raise UsageError(f"Query {silent[0]!s} has no token that counts in the loss, so it asks nothing; give it a completion, a span or labels.")
        for sentence in account_of(rows, ids, self.encoder.max_length, None).losses():
            warnings.warn(f"Of the queries: {sentence}", LanguageDataWarning, stacklevel=3)
        return self.table(rows, ids)

    def encoded(self, data: LanguageData) -> tuple[list[TokenRow], np.ndarray]:
        """Tokens and labels of each row, and the ids."""
        rows, ids = rows_of(data, self.columns)
        pairs = zip(rows, ids.tolist(), strict=True)
        found = [self.encoder(row, key) for row, key in track(pairs, "reading rows", len(rows))]
        shapes = {tuple(row.columns) for row in found}
        if len(shapes) > 1:
            raise UsageError(f"Some rows have {' and others '.join(', '.join(shape) for shape in sorted(shapes))}; give all the same columns.")
        return found, ids

    def table(self, rows: Sequence[TokenRow], ids: np.ndarray) -> Examples:
        """One example a row."""
        return Examples.of(packed([[row] for row in rows], self.pad) if self.apart else padded(rows, self.pad, self.side, self.positions), ids)

    def packed_table(self, rows: Sequence[TokenRow], ids: np.ndarray) -> Examples:
        """Documents together in rows of ``length``; a row is named by its documents' ids, with a plus between them."""
        assert self.length is not None  # asked where documents are packed
        groups = grouped(rows, self.length)
        names = np.array(["+".join(str(ids[place]) for place in group) for group in groups])
        return Examples.of(packed([[rows[place] for place in group] for group in groups], self.pad), names)


def account_of(rows: Sequence[TokenRow], ids: np.ndarray, max_length: int | None, together: int | None) -> Account:
    """Return what became of rows."""
    counted = sum(sum(label != IGNORED for label in row.labels) if isinstance(row.labels, list) else 1 for row in rows)
    cut = [row.lost for row in rows if row.lost]
    empty = tuple(key for key, row in zip(ids.tolist(), rows, strict=True) if not row.counts())
    return Account(len(rows), sum(map(len, rows)), counted, len(cut), sum(cut), empty, max_length, together)
