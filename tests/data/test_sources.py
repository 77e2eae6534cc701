"""A source with rows of another in it."""

import numpy as np
import torch

from wherefrom.data.sources import PatchedSource, source_of

BASE, PATCH = source_of((torch.arange(6.0),)), source_of((torch.arange(100.0, 103.0),))
PATCHED = PatchedSource(BASE, PATCH, np.array([-1, 2, -1, -1, 0, -1]))


def read(source: PatchedSource, rows: list[int], size: int) -> list[float]:
    found = {int(place): float(value) for places, (batch,) in source.read(np.array(rows), size) for place, value in zip(places, batch, strict=True)}
    return [found[place] for place in range(len(rows))]


def test_rows_of_the_other_stand_in_place_and_no_row_moves() -> None:
    assert len(PATCHED) == 6
    for size in (1, 2, 10):
        assert read(PATCHED, [0, 1, 2, 3, 4, 5], size) == [0, 102, 2, 3, 100, 5]
        assert read(PATCHED, [4, 4, 0, 1], size) == [100, 100, 0, 102]


def test_a_patch_may_be_patched_and_its_digest_tells() -> None:
    again = PatchedSource(PATCHED, BASE, np.array([5, -1, -1, -1, 3, -1]))
    assert read(again, [0, 1, 2, 3, 4, 5], 3) == [5, 102, 2, 3, 3, 5]
    elsewhere = PatchedSource(BASE, PATCH, np.array([-1, -1, 2, -1, 0, -1]))
    assert len({source.digest() for source in (BASE, PATCHED, again, elsewhere)}) == 4
