"""One example as token ids, what goes with each of them, and what the model should say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from wherefrom.errors import UsageError
from wherefrom.lm.rows import Row, listed
from wherefrom.objective import IGNORED

Columns = dict[str, list[int]]


@dataclass(frozen=True, eq=False)
class TokenRow:
    """``columns``: input_ids and what else stands beside each token; ``labels``: one for each token, a target sequence, or one for the row.

    ``lost`` counts tokens that were cut off.
    """

    columns: Columns
    labels: Any
    lost: int = 0

    def __len__(self) -> int:
        return len(self.columns["input_ids"])

    def cut(self, most: int | None, left: bool, beside: bool) -> "TokenRow":
        """The row without what is beyond ``most`` tokens, on the left or on the right; labels with it where they stand ``beside`` the tokens."""
        if most is None or len(self) <= most:
            return self
        kept = slice(len(self) - most, None) if left else slice(most)
        columns = {name: values[kept] for name, values in self.columns.items()}
        return TokenRow(columns, self.labels[kept] if beside else self.labels, self.lost + len(self) - most)

    def counts(self) -> bool:
        """Whether anything of the row counts in the loss."""
        return not isinstance(self.labels, list) or any(label != IGNORED for label in self.labels)


def token_row(row: Row, key: object, beside: bool, takes: frozenset[str]) -> TokenRow:
    """Return a row that holds tokens already, without its padding.

    Labels ``beside`` tokens are the tokens themselves where there are none, less those that ``completion_mask`` or ``assistant_masks`` leave out.
    """
    ids = listed(row["input_ids"])
    if not isinstance(ids, list) or not ids or not all(isinstance(token, int) for token in ids):
        raise UsageError(f"Row {key!s} has input_ids that are no list of token ids; give whole numbers, at least one.")
    columns: Columns = {"input_ids": ids}
    for name in ("token_type_ids", "position_ids"):
        if name == "position_ids" and name in row and name not in takes:
            raise UsageError(f"Row {key!s} has position_ids and the model takes none, so it would join its documents; leave them out.")
        if name in row and name in takes:
            columns[name] = _as_long(row, name, ids, key)
    mask = _as_long(row, "attention_mask", ids, key) if "attention_mask" in row else [1] * len(ids)
    labels = listed(row.get("labels", row.get("label")))
    if beside:
        labels = _as_long(row, "labels", ids, key) if "labels" in row else list(ids)
        for name in ("completion_mask", "assistant_masks"):
            if name in row:
                labels = [label if seen else IGNORED for label, seen in zip(labels, _as_long(row, name, ids, key), strict=True)]
        labels = [label if seen else IGNORED for label, seen in zip(labels, mask, strict=True)]
    elif isinstance(labels, list) and labels and all(isinstance(label, int) for label in labels):
        labels = [label for label in labels if label != IGNORED] or labels
    return without_padding(TokenRow(columns, labels), mask, key, beside)


def without_padding(row: TokenRow, mask: Sequence[int], key: object, beside: bool) -> TokenRow:
    """Return the row from the first to the last token that the mask lets through."""
    seen = [place for place, one in enumerate(mask) if one]
    if not seen or len(seen) != seen[-1] - seen[0] + 1:
        raise UsageError(f"The attention_mask of row {key!s} leaves out tokens within it, or all; give one that leaves out padding at an end alone.")
    kept = slice(seen[0], seen[-1] + 1)
    columns = {name: values[kept] for name, values in row.columns.items()}
    return replace(row, columns=columns, labels=row.labels[kept] if beside else row.labels)


def _as_long(row: Row, name: str, ids: list[int], key: object) -> list[int]:
    values = listed(row[name])
    if not isinstance(values, list) or len(values) != len(ids):
        raise UsageError(f"Row {key!s} has {len(ids)} input_ids and other {name}; give one for each token.")
    return [int(value) for value in values]
