"""Rows of tokens as one table of tensors: padded, or several documents in a row that see nothing of each other."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from wherefrom.data.examples import split_batch
from wherefrom.lm.token_row import TokenRow
from wherefrom.objective import IGNORED
from wherefrom.types import Tree

Side = Literal["right", "left"]
Table = dict[str, Tensor]


def padded(rows: Sequence[TokenRow], pad: int, side: Side, positions: bool) -> Table:
    """Return rows padded to the longest. On the left, ``positions`` counts from the first token, which nothing precedes and which is not asked."""
    names = rows[0].columns
    table = {name: _filled([row.columns[name] for row in rows], pad if name == "input_ids" else 0, side) for name in names}
    mask = _filled([[1] * len(row) for row in rows], 0, side)
    table["attention_mask"] = mask
    if side == "left" and positions:
        table["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)
    table["labels"] = _labels(rows, side)
    if side == "left" and positions:
        first = mask.argmax(1)
        table["labels"][torch.arange(len(rows)), first] = IGNORED
    return table


def packed(groups: Sequence[Sequence[TokenRow]], pad: int) -> Table:
    """Return one row for each group of documents, whose positions begin anew; models of transformers keep such documents apart.

    A document's first token is not asked, since nothing of its own precedes it. Padding is a document for each of its tokens.
    """

    def joined(values: Callable[[TokenRow], list[int]], fill: int) -> Tensor:
        return _filled([[one for row in group for one in values(row)] for group in groups], fill, "right")

    names = [name for name in groups[0][0].columns if name != "position_ids"]
    table = {name: joined(lambda row, name=name: row.columns[name], pad if name == "input_ids" else 0) for name in names}
    table["position_ids"] = joined(lambda row: row.columns.get("position_ids") or list(range(len(row))), 0)
    labels = joined(lambda row: row.labels, IGNORED)
    table["labels"] = labels.where(table["position_ids"] > 0, IGNORED)
    return table


def grouped(rows: Sequence[TokenRow], length: int) -> list[list[int]]:
    """Return the places of documents that share a row of at most ``length`` tokens: each in turn joins the first row that has room for it."""
    groups: list[list[int]] = []
    room: list[int] = []
    for place, row in enumerate(rows):
        free = next((group for group, left in enumerate(room) if left >= len(row)), None)
        if free is None:
            groups.append([place])
            room.append(length - len(row))
        else:
            groups[free].append(place)
            room[free] -= len(row)
    return groups


def split_packed(batch: Tree) -> tuple[Tree, Tree]:
    """Return (inputs, targets) of packed rows: a cache of keys would hide from the model that positions begin anew."""
    inputs, targets = split_batch(batch)
    assert isinstance(inputs, dict)  # a table is one of columns
    return {**inputs, "use_cache": False}, targets


def _filled(values: Sequence[list[int]], fill: int, side: Side) -> Tensor:
    longest = max(map(len, values))
    found = torch.full((len(values), longest), fill, dtype=torch.long)
    for row, one in enumerate(values):
        found[row, slice(len(one)) if side == "right" else slice(longest - len(one), None)] = torch.tensor(one, dtype=torch.long)
    return found


def _labels(rows: Sequence[TokenRow], side: Side) -> Tensor:
    """Labels beside tokens on their side, a target sequence on the right, and one label or some numbers for each row."""
    first = rows[0].labels
    if not isinstance(first, list):
        return torch.tensor([row.labels for row in rows])
    if isinstance(first[0], float):
        values = torch.tensor([row.labels for row in rows])
        return values[:, 0] if values.shape[1] == 1 else values
    beside = all(len(row.labels) == len(row) for row in rows)
    return _filled([row.labels for row in rows], IGNORED, side if beside else "right")
